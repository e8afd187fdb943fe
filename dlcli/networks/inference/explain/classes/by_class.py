"""What each class looks like to a network: means of the maps of its images, and the pattern of its score."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlcli.engine.arrays import AnyArray
from dlcli.images.image_set import ImageSet
from dlcli.networks.data.split import spread
from dlcli.networks.inference.explain.classes.maps import DECONVNET, Maps, maps_of, patterns_of
from dlcli.networks.inference.explain.classes.selection import Decisions
from dlcli.networks.inference.trained import TrainedNetwork
from dlcli.networks.tensors import batch_to_tensor

MOST_CLASSES, PER_CLASS = 12, 8
STEPS = 54  # of integrated gradients: what they miss by differs from image to image, and the mean misses less


@dataclass(frozen=True, eq=False)
class ClassMaps:
    """Of one class: the mean (h, w, c) of some images that are rightly taken for it, and of their maps.

    ``integrated`` and ``grad_cam`` are (h, w), ``pattern`` is (h, w, c); None without the method.
    """

    name: str
    images: int
    picture: NDArray[np.uint8]
    integrated: AnyArray | None
    grad_cam: AnyArray | None
    pattern: AnyArray | None


def class_maps(
    trained: TrainedNetwork, image_set: ImageSet, decisions: Decisions, baseline: Tensor, methods: Collection[str]
) -> list[ClassMaps]:
    """Of each class, up to twelve, that has images which are rightly taken for it; without labels: taken for it."""
    chosen = _images_of_classes(decisions, len(trained.classes))
    if not chosen:
        return []
    numbers = [image for images in chosen.values() for image in images]
    pixels = np.stack([image_set.pixels(i) for i in numbers])
    x = batch_to_tensor(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)), trained.device)
    classes = torch.tensor([code for code, images in chosen.items() for _ in images], device=trained.device)
    maps = maps_of(trained.network, x, classes, baseline, [one for one in methods if one != DECONVNET], STEPS)
    patterns = patterns_of(trained.network, x.shape[2]) if DECONVNET in methods else None
    found, start = [], 0
    for code, images in chosen.items():
        part = slice(start, start + len(images))
        start = part.stop
        picture = np.rint(pixels[part].mean(0)).astype(np.uint8)
        pattern = None if patterns is None else patterns[code].permute(1, 2, 0).cpu().numpy()
        found.append(ClassMaps(trained.classes[code], len(images), picture, *_means(maps, part), pattern))
    return found


def _images_of_classes(decisions: Decisions, classes: int) -> dict[int, list[int]]:
    """Up to eight images of each of the first classes that have any, spread over them."""
    right = (
        decisions.found
        if decisions.labels is None
        else np.where(decisions.found == decisions.labels, decisions.found, -1)
    )
    every = {code: np.flatnonzero(right == code) for code in range(classes)}
    present = [code for code in every if len(every[code])][:MOST_CLASSES]
    return {code: [int(every[code][i]) for i in spread(len(every[code]), PER_CLASS)] for code in present}


def _means(maps: Maps, part: slice) -> tuple[AnyArray | None, AnyArray | None]:
    integrated = None if maps.integrated is None else maps.integrated.maps[part].sum(1).mean(0).cpu().numpy()
    cam = None if maps.enlarged is None else maps.enlarged[part].mean(0).cpu().numpy()
    return integrated, cam
