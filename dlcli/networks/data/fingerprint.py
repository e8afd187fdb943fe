"""The fingerprint of what a network is trained on: images, their classes, kernels and masks."""

from collections.abc import Iterable
from typing import Any

from dlcli.degradations.task import Restoration
from dlcli.fingerprint import Part, fingerprint
from dlcli.images.image_set import Pictures
from dlcli.networks.data.load import TrainingImages


def fingerprint_of(images: TrainingImages, restorations: Iterable[Restoration]) -> dict[str, Any]:
    """The fingerprint of all images, those held out among them, and of the files that ``restorations`` came from."""
    parts: dict[str, Part] = {}
    groups = (("", images.train), ("", images.val), ("input ", images.train_inputs), ("input ", images.val_inputs))
    for prefix, pictures in groups:
        if pictures is not None:
            _add(parts, prefix, pictures)
    for number, restoration in enumerate(restorations):
        for name, array in (restoration.arrays or {}).items():
            parts[f"{name} {number}"] = (name, array)
    return fingerprint([parts[key] for key in sorted(parts)])


def _add(parts: dict[str, Part], prefix: str, pictures: Pictures) -> None:
    for i, (name, path) in enumerate(zip(pictures.names, pictures.paths, strict=True)):
        kind = "" if pictures.labels is None else f" ({pictures.classes[int(pictures.labels[i])]})"
        parts[f"{prefix}{name}{kind}"] = (f"{prefix}{name}{kind}", pictures.pixels(i) if path is None else path)
