"""Exported networks: run by onnxruntime they give what dlcli gives, on any size."""

import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from dlcli.errors import DlcliError
from dlcli.exports.session import Session
from dlcli.exports.settings import Description
from dlcli.images.normalization import Normalization, Scales
from dlcli.networks.export import bioimage, checked, darktable
from dlcli.networks.export.checked import check
from dlcli.networks.export.image_model import Form, ImageModel, usual_form
from dlcli.networks.export.torch_program import Loaded, to_program
from dlcli.networks.inference.settings import NetworkSettings
from dlcli.networks.inference.trained import load_network
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.spec import DeconvSpec, Head
from tests.networks.examples import make_run

ACTIVATIONS = ("relu", "sigmoid", "tanh", "leaky-relu", "gelu")


def trained(folder, **options):
    return load_network(NetworkSettings(make_run(folder, **options), "cpu", None, None, None))


def with_network(known, spec, seed=0):
    """``known`` with a network of random weights and biases."""
    torch.manual_seed(seed)
    network = DeconvNet(spec)
    for tensor in network.parameters():
        torch.nn.init.normal_(tensor, std=0.3 if tensor.ndim == 1 else 0.1)
    for fixed in network.buffers():
        torch.nn.init.normal_(fixed, std=0.1)
    return replace(known, network=network.eval())


def compared(model):
    """How much an exported model differs from dlcli, by onnxruntime."""
    session = Session(model.to_onnx("onnx"))
    return check(model, lambda inputs: session.run(inputs)[model.output.name]).difference


def test_the_fixed_linear_estimate(tmp_path):
    spec = DeconvSpec(3, 3, (6,), (1,), depth=1, unshuffle=2, linear=3)
    model = ImageModel(with_network(trained(tmp_path, channels=3), spec), Form())
    assert compared(model) < 1e-5
    assert check(model, Loaded(to_program(model), model).run).difference < 1e-5


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_kind_of_layer(activation, tmp_path):
    """Blocks of both kinds, strides, skips, a shuffle of color, the center, and all activations."""
    for turned, output in ((False, "residual"), (True, "sigmoid")):
        spec = DeconvSpec(
            3, 3, (6, 20, 5), (2, 1, 3), depth=1, unshuffle=2, skip=True, activation=activation, turned=turned,
            center=0.25, head=Head(output=output),
        )  # fmt: skip
        model = ImageModel(with_network(trained(tmp_path / f"{turned}{output}", channels=3), spec), Form())
        assert compared(model) < 1e-5


@pytest.mark.parametrize(
    ("options", "inputs"),
    [
        ({}, ["input"]), ({"channels": 3}, ["input"]), ({"task": "upscale", "scale": 3}, ["input"]),
        ({"task": "inpaint"}, ["input", "mask"]),
        ({"task": "pairs"}, ["input"]), ({"task": "deblur", "blur": "gaussian:1:2", "sigma": (0.0, 5.0)}, ["input"]),
    ],
)  # fmt: skip
def test_every_task(options, inputs, tmp_path):
    known = trained(tmp_path, **options)
    for form in (Form(own=True), Form(color=True, map=True, batch=1)):
        model = ImageModel(known, form)
        assert [port.name for port in model.inputs] == inputs
        assert compared(model) < 1e-4


def test_a_mask_keeps_what_is_known(tmp_path):
    known = trained(tmp_path, task="inpaint", channels=3)
    model = ImageModel(with_network(known, replace(known.network.spec, head=Head(masked=True))), Form())
    assert compared(model) < 1e-4
    inputs = model.example(20, 9, 3)
    found = Session(model.to_onnx("onnx")).run(inputs)["output"]
    there = np.broadcast_to(inputs["mask"] == 0, found.shape)
    np.testing.assert_array_equal(found[there], inputs["input"][there])


@pytest.mark.parametrize("form", [Form(), Form(own=True), Form(color=True, map=True, batch=1), Form(color=True)])
def test_a_noise_level_is_a_second_input(form, tmp_path):
    """A number for all images, or a map; each channel of a gray network's color image gets the same."""
    spec = DeconvSpec(2, 1, (6, 20), (2, 1), unshuffle=2, skip=True)
    model = ImageModel(with_network(trained(tmp_path), spec), form)
    assert [port.name for port in model.inputs] == ["input", "sigma"]
    assert compared(model) < 1e-5
    if form.map:
        return
    inputs = model.example(9, 11, 0, batch=2)
    one = inputs | {"sigma": np.full((1, 1, 1, 1), inputs["sigma"].mean(), np.float32)}
    every = inputs | {"sigma": np.full_like(inputs["sigma"], inputs["sigma"].mean())}
    session = Session(model.to_onnx("onnx"))
    np.testing.assert_array_equal(session.run(one)["output"], session.run(every)["output"])
    assert not np.array_equal(session.run(one)["output"], session.run(inputs)["output"])


DEEP = Normalization("uint16", (100.0, 90.0, 120.0), (900.0, 1100.0, 4000.0))


def test_deep_images_keep_their_units(tmp_path):
    known = replace(trained(tmp_path, channels=3), scales=Scales(DEEP, Normalization("float32", (-1.0,), (1.0,))))
    model = ImageModel(known, usual_form(known))
    assert compared(model) < 1e-5
    x = model.example(8, 8, 0)["input"]
    assert x.mean((0, 2, 3)) == pytest.approx([500, 595, 2060], rel=0.2)
    assert "uint16" in onnx.load_from_string(model.to_onnx("onnx")).graph.input[0].doc_string


@pytest.mark.parametrize("head", [{}, {"pool": True}, {"mirrored": True, "pool": True}, {"decoder": True}])
@pytest.mark.parametrize("scales", [Scales(), Scales(Normalization("uint16", (0.0,), (1023.0,)))])
def test_classes(head, scales, tmp_path):
    known = replace(trained(tmp_path, task="classify", classes=("a", "b", "ü"), side=10), scales=scales)
    head = Head(**{"decoder": False, "classes": 3, "side": 10} | head)
    spec = DeconvSpec(1, 1, (4, 18), (2, 3), head=head)
    model = ImageModel(with_network(known, spec), usual_form(known))
    assert compared(model) < 1e-5
    read = onnx.load_from_string(model.to_onnx("onnx"))
    about = {one.key: one.value for one in read.metadata_props}
    assert json.loads(about["classes"]) == ["a", "b", "ü"]
    assert [d.dim_param or d.dim_value for d in read.graph.input[0].type.tensor_type.shape.dim] == ["batch", 1, 10, 10]


def test_what_differs_is_not_exported(tmp_path):
    model = ImageModel(trained(tmp_path), Form())
    for wrong in (lambda y: y + 2e-3, lambda y: y * np.nan, lambda y: y[..., :-1]):
        with pytest.raises(DlcliError, match="gives other"):
            check(model, lambda inputs, wrong=wrong: wrong(model.by_dlcli(inputs)))
    assert check(model, lambda inputs: model.by_dlcli(inputs) + 1e-4).difference == pytest.approx(1e-4, rel=1e-3)


def test_a_network_of_no_finite_output_is_not_exported(tmp_path):
    known = trained(tmp_path)
    with torch.no_grad():
        known.network.deconvolutions[0].bias.fill_(np.nan)
    with pytest.raises(DlcliError, match="not finite"):
        compared(ImageModel(known, Form()))


def test_the_sizes_are_those_that_are_promised():
    assert checked.SIZES == ((1, 1), (7, 5), (64, 64), (257, 131))
    assert checked.TOLERANCE == 1e-3


def test_deblurring_is_refused(tmp_path):
    from tests.networks.examples import KERNELS

    known = trained(tmp_path, task="deblur", sigma=(2.0, 2.0), arrays=KERNELS)
    with pytest.raises(DlcliError, match="filter of the whole image"):
        ImageModel(known, Form()).to_onnx("onnx")


def test_a_program_of_torch(tmp_path):
    """Strides, a shuffle, skips, a noise level map and units of their own, on all sizes."""
    spec = DeconvSpec(2, 1, (3, 17), (2, 1), unshuffle=2, skip=True, activation="gelu", center=0.1)
    known = replace(trained(tmp_path), scales=Scales(Normalization("uint16", (7.0,), (1023.0,)), Normalization()))
    model = ImageModel(with_network(known, spec), Form(own=True, map=True))
    assert check(model, Loaded(to_program(model), model).run).difference < 1e-5


@pytest.mark.parametrize(
    "options", [{"task": "upscale", "scale": 3}, {"task": "classify", "classes": ("a", ""), "side": 12}]
)
def test_the_model_zoo_takes_every_kind(options, tmp_path):
    """Sizes that are multiples of the input's, and classes; the package is validated as it is made."""
    model = ImageModel(trained(tmp_path, **options), bioimage.FORM)
    with zipfile.ZipFile(io.BytesIO(bioimage.package(model, model.to_onnx("bioimage"), Description("x")))) as archive:
        about = json.loads(archive.read("rdf.yaml"))
        names = set(archive.namelist())
    assert about["name"] == "x----"
    assert names == {"rdf.yaml", "input.npy", f"{model.output.name}.npy", "model.onnx", "README.md", "cover.png"}
    axes = about["outputs"][0]["axes"]
    if "scale" in options:
        assert axes[2] == {"type": "space", "id": "y", "size": {"tensor_id": "input", "axis_id": "y"}, "scale": 1 / 3}
    else:
        assert axes[1]["channel_names"] == ["a", "unnamed"]


def test_what_darktable_should_know(tmp_path):
    spec = DeconvSpec(2, 1, (4,) * 40, (1,) * 40, unshuffle=2)
    lines = darktable.notes(ImageModel(with_network(trained(tmp_path), spec), darktable.FORM))
    assert lines[0] == "darktable tells every network the noise of sigma 25, whatever the image has"
    assert "the network looks 160 pixels around, and darktable's tiles overlap by 64" in lines[1]


@pytest.mark.parametrize("scales", [Scales(DEEP, DEEP), Scales(Normalization("uint16", (0.0,), (4095.0,)))])
def test_darktable_has_no_units(scales, tmp_path):
    known = replace(trained(tmp_path, channels=3), scales=scales)
    with pytest.raises(DlcliError, match="--format dtmodel"):
        darktable.darktable_model(known)
    full = Normalization("uint16", (0.0,), (4095.0,))
    assert compared(darktable.darktable_model(replace(known, scales=Scales(full, full)))) < 1e-5
