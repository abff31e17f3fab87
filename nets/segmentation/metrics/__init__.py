"""How good a segmentation is. Every metric grows image by image with `update` and is read with `scores`.

confusion.py   pixel accuracy, mean accuracy, mean IU, frequency weighted IU, Dice: from one table of pixel counts
boundary.py    boundary F1 and boundary IoU: are the outlines where they should be
overlap.py     which object of the truth shares how many pixels with which predicted object; used by all below
matching.py    F1 at an IoU threshold, and the AP of the Data Science Bowl 2018: TP / (TP + FP + FN)
coco.py        the mask AP of COCO: the area under the curve of precision and recall
aji.py         AJI and AJI+: pixels shared by objects, divided by the pixels of their unions
partition.py   V_rand and V_info: the image as a partition into segments, as in electron microscopy
panoptic.py    PQ = SQ x RQ for things and stuff, with void and crowd
    instances.py   what `evaluate` prints for the task "instance": objects and pixels together
"""

from nets.segmentation.metrics.aji import AggregatedJaccard
from nets.segmentation.metrics.boundary import Boundaries, BoundaryScore
from nets.segmentation.metrics.coco import CocoAP, Detection
from nets.segmentation.metrics.confusion import ClassScore, Confusion, Scores, confusion_matrix, scores
from nets.segmentation.metrics.instances import InstanceScores, InstanceTally
from nets.segmentation.metrics.matching import THRESHOLDS, Matching, match
from nets.segmentation.metrics.overlap import Overlap, overlap
from nets.segmentation.metrics.panoptic import PanopticQuality, PanopticScores, Segment
from nets.segmentation.metrics.partition import Partition

__all__ = [
    "THRESHOLDS",
    "AggregatedJaccard",
    "Boundaries",
    "BoundaryScore",
    "ClassScore",
    "CocoAP",
    "Confusion",
    "Detection",
    "InstanceScores",
    "InstanceTally",
    "Matching",
    "Overlap",
    "PanopticQuality",
    "PanopticScores",
    "Partition",
    "Scores",
    "Segment",
    "confusion_matrix",
    "match",
    "overlap",
    "scores",
]
