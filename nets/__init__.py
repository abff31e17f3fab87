"""Networks for semantic segmentation, their data and their training, on top of minitensor."""
