"""minitensor: a from-scratch autograd engine on NumPy and CuPy, written to be read."""
