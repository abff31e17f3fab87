"""What all CUDA kernels share. The kernels themselves stand in the rooms, beside what they compute.

launch.py       the one way to a kernel: read its source, compile it once, check the arguments, launch it
enter.py        how a CUDA kernel enters the table
gemm.py         matrix products by cuBLAS
window.h        the geometry of a window that slides over an image
four.h          four numbers in one access to memory
tensor_core.h   products on tensor cores
"""
