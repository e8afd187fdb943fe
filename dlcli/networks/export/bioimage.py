"""A model for BioImage.IO's model zoo, and the programs that take models from it: Fiji, ilastik, QuPath, napari.

A zip of ``rdf.yaml`` by version 0.5 of the specification (bioimage-io.github.io/spec-bioimage-io), the model as ONNX,
an input and output to test it with, a picture of them, and a description. Values are in the units of the images.
"""

import contextlib
import hashlib
import io
import re
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dlcli import __version__
from dlcli.engine.arrays import AnyArray
from dlcli.errors import DlcliError
from dlcli.exports.graph import OPSET, Port
from dlcli.exports.packages import imported
from dlcli.exports.settings import Description
from dlcli.files import JsonObject, to_json
from dlcli.images.dead_leaves import dead_leaves
from dlcli.networks.export.darktable import zipped
from dlcli.networks.export.image_model import INPUT, Form, ImageModel
from dlcli.networks.tensors import Image as Pixels
from dlcli.networks.tensors import in_units
from dlcli.text import one_line

FORM = Form(own=True, map=True)
RESOURCE, VERSION = "rdf.yaml", "0.5.4"
SHOWN = (96, 128)  # height and width of the image that goes with it
ODD = re.compile(r"[^A-Za-z0-9_+() -]+")
NAME = (5, 128)  # characters
NOT_GIVEN = "not given"
DOI = re.compile(r"10\.[0-9]{4,9}/[-._;()/:A-Za-z0-9]+")
# What to cite where nothing else is given: the model zoo itself (Ouyang et al. 2022).
ZOO = {"text": "BioImage Model Zoo", "doi": "10.1101/2022.06.07.495102"}


def package(model: ImageModel, content: bytes, about: Description) -> bytes:
    """The zip. Raises DlcliError for a description that BioImage.IO doesn't take."""
    inputs = _example(model)
    output = model.by_dlcli(inputs).astype(np.float32)
    tensors = {**inputs, model.output.name: output}
    files = {f"{name}.npy": _npy(values) for name, values in tensors.items()}
    files |= {"model.onnx": content, "README.md": _readme(model, about).encode()}
    files["cover.png"] = _cover(model, inputs, output)
    # JSON is YAML, and needs no package to write it.
    files = {RESOURCE: (to_json(_resource(model, files, about)) + "\n").encode()} | files
    _validate(files)
    return zipped(files)


def notes(about: Description) -> list[str]:
    """What is missing for the model zoo to take the model."""
    missing = [f"--{name}" for name, value in (("author", about.authors), ("license", about.license)) if not value]
    return [f"the model zoo asks for {' and '.join(missing)}"] if missing else []


def _resource(model: ImageModel, files: dict[str, bytes], about: Description) -> JsonObject:
    """rdf.yaml."""
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}

    def file(name: str) -> JsonObject:
        return {"source": name, "sha256": hashes[name]}

    def tensor(port: Port) -> JsonObject:
        return {
            "id": port.name, "description": _short(port.about), "axes": _axes(model, port),
            "test_tensor": file(f"{port.name}.npy"), "data": {"type": "float32"},
        }  # fmt: skip

    weights = {"opset_version": OPSET, "comment": "height, width and batch are free; sizes are padded within"}
    resource: JsonObject = {
        "type": "model", "format_version": VERSION, "name": _name(about.name),
        "description": f"{model.trained.task}, trained by dlcli {__version__}",
        "authors": [{"name": name} for name in about.authors or (NOT_GIVEN,)],
        "cite": [_cited(text) for text in about.cite] or [ZOO],
        "documentation": file("README.md"), "covers": ["cover.png"], "tags": ["dlcli", "onnx", model.trained.task],
        "inputs": [tensor(port) for port in model.inputs], "outputs": [tensor(model.output)],
        "weights": {"onnx": file("model.onnx") | weights},
    }  # fmt: skip
    return resource | ({"license": about.license} if about.license else {})


def _axes(model: ImageModel, port: Port) -> list[JsonObject]:
    axes: list[JsonObject] = [{"type": "batch"}]
    if model.trained.classes and port is model.output:
        return [*axes, {"type": "channel", "channel_names": _distinct(model.trained.classes)}]
    first = port is model.inputs[0]
    names = [f"channel{number}" for number in range(int(port.shape[1]))]
    axes.append({"type": "channel", "channel_names": names})
    for axis, size in zip("yx", port.shape[2:], strict=True):
        if isinstance(size, int):
            axes.append({"type": "space", "id": axis, "size": size})
        elif first:
            axes.append({"type": "space", "id": axis, "size": {"min": 1, "step": 1}})
        else:
            scale = model.trained.degradation.scale if port is model.output else 1
            axes.append(
                {"type": "space", "id": axis, "size": {"tensor_id": INPUT, "axis_id": axis}, "scale": 1 / scale}
            )
    return axes


def _distinct(names: tuple[str, ...]) -> list[str]:
    return [name or "unnamed" for name in names]


def _cited(text: str) -> JsonObject:
    """A citation. Raises DlcliError for what is neither a DOI nor an address."""
    doi = text.removeprefix("https://doi.org/")
    if DOI.fullmatch(doi):
        return {"text": text, "doi": doi}
    if text.startswith(("https://", "http://")):
        return {"text": text, "url": text}
    raise DlcliError(f"--cite {text} is neither a DOI nor a URL", "such as 10.1109/TIP.2017.2662206")


def _name(text: str) -> str:
    """A name of the characters that are allowed."""
    least, most = NAME
    return ODD.sub("-", text)[:most].ljust(least, "-")


def _short(text: str) -> str:
    return text[:128]


def _example(model: ImageModel) -> dict[str, AnyArray]:
    """A generated image, degraded as in training, and what goes with it."""
    trained, side = model.trained, model.trained.network.spec.head.side
    height, width = (side, side) if trained.classes else SHOWN
    leaves = dead_leaves(1, max(height, width, 32), 0, 1).pixels(0)[:height, :width, 0]
    clean = torch.from_numpy(leaves.astype(np.float32) / 255).expand(1, model.channels, height, width)
    x = clean
    if not trained.classes and trained.degradation.reach == 0:
        with contextlib.suppress(DlcliError):  # a blur may be larger than that
            x = trained.degradation.observe(clean.contiguous(), torch.Generator().manual_seed(0)).shown
    values = model.example(height, width, 0)
    if model.second == "sigma":
        values["sigma"][:] = values["sigma"].mean()
    values[INPUT] = in_units(x, trained.scales.inputs).numpy().astype(np.float32)
    return values


def _npy(values: AnyArray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(values))
    return stream.getvalue()


def _cover(model: ImageModel, inputs: dict[str, AnyArray], output: AnyArray) -> bytes:
    """Input and output beside each other; of classes the input alone."""
    scales = model.trained.scales
    shown = [_picture(inputs[INPUT], min(scales.inputs.low), max(scales.inputs.high))]
    if not model.trained.classes:
        made = _picture(output, min(scales.targets.low), max(scales.targets.high))
        shown = [shown[0].resize(made.size, Image.Resampling.NEAREST), made]
    sheet = Image.new("RGB", (sum(one.width for one in shown), shown[0].height))
    for place, one in enumerate(shown):
        sheet.paste(one, (place * one.width, 0))
    stream = io.BytesIO()
    sheet.save(stream, "PNG")
    return stream.getvalue()


def _picture(values: AnyArray, low: float, high: float) -> Image.Image:
    pixels: Pixels = values[0].transpose(1, 2, 0)
    pixels = pixels if pixels.shape[2] == 3 else np.repeat(pixels[..., :1], 3, 2)
    return Image.fromarray(np.clip(np.rint((pixels - low) / (high - low) * 255), 0, 255).astype(np.uint8))


def _readme(model: ImageModel, about: Description) -> str:
    """What people read of it."""
    size = "Height and width are free: the model pads them within, and cuts its result."
    if model.trained.classes:
        size = f"Images are squares of {model.trained.network.spec.head.side} pixels."
    ports = [f"- `{port.name}`: {port.about}" for port in (*model.inputs, model.output)]
    measured = "`dlcli eval RUN IMAGES` measures PSNR and SSIM (of classes accuracy) on images of your own."
    lines = [
        f"# {about.name}", "", f"A network for the task {model.trained.task}, trained by dlcli {__version__}.", "",
        *ports, "", size, "", "# Validation", "", measured, "",
    ]  # fmt: skip
    return "\n".join(lines)


def _validate(files: dict[str, bytes]) -> None:
    """By BioImage.IO's own validator. Raises DlcliError for what it doesn't take."""
    spec = imported("bioimageio.spec", "bioimage")
    imported("loguru", "bioimage").logger.disable("bioimageio")
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on the files that it leaves open, among others
            found = spec.load_description(Path(folder) / RESOURCE)
    errors = [f"{'.'.join(map(str, e.loc))}: {e.msg}" for e in found.validation_summary.errors]
    if errors:
        what = one_line(errors[0])
        raise DlcliError(
            f"--format bioimage: BioImage.IO's validator refuses the model: {what}", "change what it names"
        )
