"""Networks for semantic segmentation, their data and their training, on top of minitensor."""

from nets import starting  # isort: skip  # first: the others take a second
import layers

if not hasattr(layers, "Module"):  # a program's own layers.py beside it is found first
    raise ImportError(
        f"{layers.__file__} is imported in the place of minitensor's package `layers`; give it another name"
    )

from nets.fcn import FCN8s, FCN16s, FCN32s, parameter_groups
from nets.field import effective_field
from nets.geometry import field_widths, receptive_field
from nets.onnx_export import export_onnx
from nets.resnet import FCNResNet50
from nets.segmentation.semantic import predict
from nets.sizes import fcn_crops, nearest_unet_sizes, unet_input_size, unet_sizes
from nets.training.library import TrainedRun, load_run, train
from nets.unet import UNet
from nets.vgg import VGG16, fully_convolutional
from nets.weights import load_weights, read_weights

# fmt: off
__all__ = [
    "effective_field", "export_onnx", "FCN16s", "FCN32s", "FCN8s", "fcn_crops", "FCNResNet50", "field_widths",
    "fully_convolutional", "load_run", "load_weights", "nearest_unet_sizes", "parameter_groups", "predict",
    "read_weights", "receptive_field", "train", "TrainedRun", "UNet", "unet_input_size", "unet_sizes", "VGG16",
]
# fmt: on


def __dir__():
    """What `dir` and completion show: the public names, and not the files that they come from."""
    return sorted({*__all__, "__doc__", "__file__"})
