"""The lab: one HTML page with sliders, whose numbers are all computed by the library's own kernels (data.py)."""
