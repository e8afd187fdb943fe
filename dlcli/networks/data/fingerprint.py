"""The fingerprint of what a network is trained on: images, their classes, kernels and masks."""

from collections.abc import Iterable

from dlcli.degradations.task import Restoration
from dlcli.files import JsonObject
from dlcli.fingerprint import Part, fingerprint
from dlcli.images.image_set import ImageSet
from dlcli.networks.data.load import TrainingImages


def fingerprint_of(images: TrainingImages, restorations: Iterable[Restoration]) -> JsonObject:
    """The fingerprint of all images, those held out among them, and of the files that ``restorations`` came from."""
    parts: dict[str, Part] = {}
    part = "part " if images.parts else ""  # the images that these are of are among those that train
    groups = (
        ("", images.train), (part, images.val), ("input ", images.train_inputs), (f"input {part}", images.val_inputs),
    )  # fmt: skip
    for prefix, image_set in groups:
        if image_set is not None:
            _add(parts, prefix, image_set)
    for number, restoration in enumerate(restorations):
        for name, array in (restoration.arrays or {}).items():
            parts[f"{name} {number}"] = (name, array)
    return fingerprint([parts[key] for key in sorted(parts)])


def _add(parts: dict[str, Part], prefix: str, image_set: ImageSet) -> None:
    for i, (name, path) in enumerate(zip(image_set.names, image_set.paths, strict=True)):
        kind = "" if image_set.labels is None else f" ({image_set.classes[int(image_set.labels[i])]})"
        stack = image_set.kin[i] if image_set.kin else None
        if path is not None and path.is_dir():  # Zarr: each chunk is a file
            for file in sorted(one for one in path.rglob("*") if one.is_file()):
                inner = f"{prefix}{path.name}/{file.relative_to(path).as_posix()}"
                parts[f"{prefix}{file}"] = (inner, file)
            continue
        if stack is not None and path is not None and stack.stack == str(path):  # once for all of its frames
            parts[f"{prefix}{stack.stack}"] = (f"{prefix}{path.name}", path)
            continue
        parts[f"{prefix}{name}{kind}"] = (f"{prefix}{name}{kind}", image_set.pixels(i) if path is None else path)
