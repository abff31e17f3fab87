"""Networks for semantic segmentation, their data and their training, on top of minitensor."""

from nets.geometry import field_widths, receptive_field
from nets.sizes import fcn_crops, nearest_unet_sizes, unet_input_size, unet_sizes
from nets.unet import UNet
