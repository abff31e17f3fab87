"""From a net's output to maps of classes and objects, and how good they are."""
