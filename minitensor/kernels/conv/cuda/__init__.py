"""The three convolutions on a GPU.

rules.py           which of these runs when
by_columns.py      columns in memory, and cuBLAS multiplies: any convolution
tensor_cores.py    no columns in memory, products on tensor cores: TF32
three_by_three.py  the same for 3 x 3 kernels, which read each pixel once
winograd.py        Winograd's 4 x 4 blocks: FP32, many channels
cudnn.py           NVIDIA's library, for comparison; only where asked for
"""

from minitensor.kernels.conv.cuda import by_columns, cudnn, rules, tensor_cores, three_by_three, winograd
