"""darktable's package of a model, ``.dtmodel``, which its preferences install.

As darktable 5.6 reads it (github.com/darktable-org/darktable): a zip whose one folder is named like the model's id,
with ``config.json`` and the ONNX file (src/common/ai_models.c, src/ai/backend_common.c). Images are (1, 3, H, W) in
sRGB, 0 to 1; a second input is a noise level map (1, 1, H, W) of sigma / 255 (src/ai/README.md). Axes must be named
"height" and "width", as tiles of one size get them fixed, and the files of upscaling are model_x2.onnx and
model_x4.onnx (src/common/ai/restore.c).
"""

import io
import re
import zipfile

from dlcli import __version__
from dlcli.errors import DlcliError
from dlcli.exports.settings import Description
from dlcli.files import to_json
from dlcli.networks.export.image_model import Form, ImageModel, refuse_unfit_values
from dlcli.networks.inference.trained import TrainedNetwork
from dlcli.networks.model.receptive_field import receptive_radius

FORM = Form(color=True, map=True, batch=1)
ENLARGES = (2, 4)
OVERLAPS = {1: 64, 2: 16, 4: 16}  # pixels of the input that darktable's tiles have in common, by scale
SIGMA = 25  # what darktable writes into every noise level map
EPOCH = (1980, 1, 1, 0, 0, 0)  # of all files in a zip, so that equal models are equal files


def darktable_model(trained: TrainedNetwork) -> ImageModel:
    """The network as darktable calls it. Raises DlcliError where darktable has no use for it."""
    if trained.classes:
        raise DlcliError(
            "--format dtmodel is for networks that restore images, and this one classifies", "--format onnx takes it"
        )
    refuse_unfit_values(trained, "dtmodel")
    model, scale = ImageModel(trained, FORM), trained.degradation.scale
    if model.second == "mask":
        raise DlcliError(
            "--format dtmodel: darktable doesn't tell a model which pixels are missing, as inpaint needs",
            "--format onnx takes it",
        )
    if trained.channels not in (1, 3):
        raise DlcliError(
            f"--format dtmodel: darktable's images have 3 channels, and the network's {trained.channels}",
            "--format onnx takes it",
        )
    if scale > 1 and scale not in ENLARGES:
        raise DlcliError(
            f"--format dtmodel: darktable enlarges 2 or 4 times, and the network {scale} times",
            "--format onnx takes it",
        )
    return model


def package(model: ImageModel, content: bytes, about: Description) -> bytes:
    """The ``.dtmodel``."""
    scale = model.trained.degradation.scale
    task = "upscale" if scale > 1 else "denoise"
    slug = re.sub("[^a-z0-9]+", "-", about.name.lower()).strip("-") or "model"
    name = slug if slug.startswith(f"{task}-") else f"{task}-{slug}"
    made = f"trained by dlcli {__version__} to {model.trained.task}"
    card = {"long_description": made, "scope": task, "author": ", ".join(about.authors), "license": about.license or ""}
    config = {
        "id": name, "name": about.name, "description": made,
        "task": task, "arch": "dlcli", "backend": "onnx", "version": "1.0", "tiling": True,
        "num_inputs": len(model.inputs), "model_card": card,
    }  # fmt: skip
    file = f"model_x{scale}.onnx" if scale > 1 else "model.onnx"
    return zipped({f"{name}/config.json": (to_json(config) + "\n").encode(), f"{name}/{file}": content})


def notes(model: ImageModel) -> list[str]:
    """What a user of darktable should know."""
    scale, lines = model.trained.degradation.scale, []
    if model.second == "sigma":
        lines.append(f"darktable tells every network the noise of sigma {SIGMA}, whatever the image has")
    radius = -(-receptive_radius(model.trained.network.spec) // scale)
    if radius > OVERLAPS[scale]:
        lines.append(
            f"the network looks {radius} pixels around, and darktable's tiles overlap by {OVERLAPS[scale]}: "
            "there may be faint seams"
        )
    return lines


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip of files by their names, in their order."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return made.getvalue()
