"""``dlcli export`` of image networks, from its command line to its files."""

import io
import json
import sys
import zipfile

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from dlcli.reports.schema import REPORTS
from tests.networks.examples import KERNELS, make_run, network_of, smooth


def session(content):
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


def packed(path):
    """The folder, the config and the session of a .dtmodel, as darktable takes them out."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        folder = names[0].split("/")[0]
        assert names[0] == f"{folder}/config.json"
        config = json.loads(archive.read(names[0]))
        assert config["id"] == folder
        return config, names[1], session(archive.read(names[1]))


def test_predict_and_the_exported_model_make_the_same_image(app, tmp_path):
    make_run(tmp_path / "run", channels=3)
    pixels = smooth(37, 21, 3)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert app("predict", "run", "a.png", "--out", "b.png")[0] == 0
    code, out, err = app("export", "run")
    assert (code, err) == (0, "")
    assert "input    input (batch, 3, height, width) float32: images: 0 to 1, those of 8 bits divided by 255" in out
    assert "differs from dlcli by at most" in out
    assert out.endswith("bytes in run.onnx\n")
    x = (pixels.astype(np.float32) / 255).transpose(2, 0, 1)[None]
    y = session((tmp_path / "run.onnx").read_bytes()).run(None, {"input": x})[0][0].transpose(1, 2, 0)
    np.testing.assert_array_equal(np.clip(np.rint(y * 255), 0, 255), np.asarray(Image.open(tmp_path / "b.png")))


def test_the_report(app, tmp_path):
    make_run(tmp_path / "run", task="inpaint")
    code, out, _ = app("export", "run", "--json", "--out", "m.onnx")
    document = json.loads(out)
    assert (code, document["command"], document["task"], document["out"]) == (0, "export", "inpaint", "m.onnx")
    assert REPORTS.validate_python(document).to_json() + "\n" == out
    assert [one["name"] for one in document["inputs"]] == ["input", "mask"]
    assert document["bytes"] == (tmp_path / "m.onnx").stat().st_size
    assert 0 < document["difference"] < 1e-4
    assert document["compared"] == "1x1, 7x5, 64x64, 257x131"
    model = onnx.load(tmp_path / "m.onnx")
    assert (model.ir_version, model.opset_import[0].version, model.producer_name) == (8, 17, "dlcli")


def test_darktable(app, tmp_path):
    """A gray network takes three channels, one by one; tiles of a size that darktable fixes go through."""
    make_run(tmp_path / "run")
    code, _, err = app("export", "run", "--format", "dtmodel", "--name", "My net, No. 2")
    assert (code, err) == (0, "")
    config, file, found = packed(tmp_path / "run.dtmodel")
    assert (config["id"], config["name"], config["task"]) == ("denoise-my-net-no-2", "My net, No. 2", "denoise")
    assert (config["backend"], config["num_inputs"], file) == ("onnx", 1, "denoise-my-net-no-2/model.onnx")
    assert [(i.name, i.shape) for i in found.get_inputs()] == [("input", [1, 3, "height", "width"])]
    options = onnxruntime.SessionOptions()
    options.add_free_dimension_override_by_name("height", 48)
    options.add_free_dimension_override_by_name("width", 48)
    with zipfile.ZipFile(tmp_path / "run.dtmodel") as archive:
        fixed = onnxruntime.InferenceSession(archive.read(file), options, providers=["CPUExecutionProvider"])
    assert fixed.get_outputs()[0].shape == [1, 3, 48, 48]
    x = np.random.default_rng(0).random((1, 3, 48, 48), np.float32)
    y = fixed.run(None, {"input": x})[0]
    gray = found.run(None, {"input": np.repeat(x[:, 1:2], 3, 1)})[0]
    np.testing.assert_allclose(y[:, 1], gray[:, 1], atol=1e-6)


def test_darktable_enlarges(app, tmp_path):
    make_run(tmp_path / "run", task="upscale", scale=2, channels=3)
    assert app("export", "run", "--format", "dtmodel", "--out", "up.dtmodel")[0] == 0
    config, file, found = packed(tmp_path / "up.dtmodel")
    assert (config["task"], file) == ("upscale", f"{config['id']}/model_x2.onnx")
    assert found.run(None, {"input": np.zeros((1, 3, 7, 5), np.float32)})[0].shape == (1, 3, 14, 10)


@pytest.mark.parametrize(
    ("run", "words", "told"),
    [
        ({"task": "upscale", "scale": 3}, ("--format", "dtmodel"), "enlarges 2 or 4 times, and the network 3 times"),
        ({"task": "inpaint"}, ("--format", "dtmodel"), "which pixels are missing"),
        ({"channels": 2}, ("--format", "dtmodel"), "images have 3 channels, and the network's 2"),
        ({"task": "classify", "classes": ("a", "b"), "side": 8}, ("--format", "dtmodel"), "this one classifies"),
        ({"task": "deblur", "sigma": (2.0, 2.0), "arrays": KERNELS}, (), "by its blur kernel"),
        ({}, ("--format", "numpy"), "an image network, expected onnx, dtmodel, bioimage, torch"),
        ({}, ("--out", "m.zip"), "--out m.zip: expected a name that ends in .onnx"),
        ({}, ("--out", "there.onnx"), "there.onnx exists"),
        ({}, ("--out", "folder.onnx"), "is a directory"),
        ({}, ("--out", "nowhere/m.onnx"), "cannot write to nowhere"),
        ({}, ("--author", "me"), "--author is for --format dtmodel and bioimage"),
        ({}, ("--name", "me"), "--name is for --format dtmodel and bioimage"),
        ({}, ("--format", "dtmodel", "--cite", "10.1/x"), "--cite is for --format bioimage"),
        ({}, ("--format", "bioimage", "--cite", "a book"), "--cite a book is neither a DOI nor a URL"),
        ({}, ("--format", "bioimage", "--license", "mine"), "validator refuses the model"),
        ({"task": "upscale"}, ("--format", "torch"), "start from the image itself, and this one does upscale"),
        ({}, ("--format", "tflite"), "tflite"),
    ],
)  # fmt: skip
def test_refusals(run, words, told, app, tmp_path):
    """One line, exit code 2, and nothing is written."""
    make_run(tmp_path / "run", **run)
    (tmp_path / "there.onnx").write_text("mine")
    (tmp_path / "folder.onnx").mkdir()
    before = sorted(tmp_path.rglob("*"))
    code, out, err = app("export", "run", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert told in err
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "there.onnx").read_text() == "mine"


def test_runs_that_cannot_be(app, tmp_path):
    make_run(tmp_path / "run")
    model = tmp_path / "run" / "model.safetensors"
    for path, told in (("nothing", "no run directory"), ("run/model.pt", "pickle")):
        code, _, err = app("export", path)
        assert (code, err.count("\n"), told in err) == (2, 1, True), err
    (tmp_path / "run" / "report.json").write_text('{"status": "diverged", "reason": "the loss is nan"}')
    code, _, err = app("export", "run")
    assert (code, err.count("\n")) == (2, 1)
    assert "diverged (the loss is nan)" in err
    (tmp_path / "run" / "report.json").unlink()
    content = bytearray(model.read_bytes())
    content[-4:] = b"\x00\x00\xc0\x7f"  # NaN
    model.write_bytes(bytes(content))
    code, _, err = app("export", "run")
    assert (code, err.count("\n"), "damaged" in err) == (2, 1, True), err
    assert not list(tmp_path.glob("*.onnx"))


@pytest.mark.parametrize(
    ("module", "format"), [("onnx", "onnx"), ("onnxruntime", "dtmodel"), ("bioimageio.spec", "bioimage")]
)
def test_a_package_that_is_not_installed_is_named(module, format, app, tmp_path, monkeypatch):
    make_run(tmp_path / "run")
    monkeypatch.setitem(sys.modules, module, None)
    code, _, err = app("export", "run", "--format", format)
    assert (code, err.count("\n")) == (2, 1)
    assert f"--format {format} takes the package {module.partition('.')[0]}," in err
    assert "pip install 'dlcli[export]'" in err


def test_what_exists_is_replaced_when_forced(app, tmp_path):
    make_run(tmp_path / "run")
    (tmp_path / "m.onnx").write_text("old")
    assert app("export", "run", "--out", "m.onnx", "--force", "--quiet") == (0, "", "")
    onnx.checker.check_model(onnx.load(io.BytesIO((tmp_path / "m.onnx").read_bytes())))


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_bioimage(app, tmp_path):
    """BioImage.IO's own library reads the package, and its test input gives its test output."""
    import bioimageio.spec

    make_run(tmp_path / "run", channels=3)
    words = ("--author", "A. Name", "--license", "CC-BY-4.0", "--cite", "10.1109/TIP.2017.2662206", "--name", "net: x")
    code, out, err = app("export", "run", "--format", "bioimage", *words)
    assert (code, err) == (0, "")
    assert "in their own units (uint8, 0 to 255 in training), as float32" in out
    with zipfile.ZipFile(tmp_path / "run.zip") as archive:
        archive.extractall(tmp_path / "out")
    found = bioimageio.spec.load_description(tmp_path / "out" / "rdf.yaml", format_version="latest")
    assert isinstance(found, bioimageio.spec.model.v0_5.ModelDescr)
    assert (found.name, found.authors[0].name, found.license) == ("net- x", "A. Name", "CC-BY-4.0")
    assert str(found.cite[0].doi) == "10.1109/TIP.2017.2662206"
    (given,), (expected,) = found.get_input_test_arrays(), found.get_output_test_arrays()
    assert given.max() > 100
    made = session((tmp_path / "out" / "model.onnx").read_bytes()).run(None, {"input": given})[0]
    np.testing.assert_allclose(made, expected, atol=1e-2)
    with Image.open(tmp_path / "out" / "cover.png") as cover:
        assert cover.size == (256, 96)


def test_what_the_model_zoo_asks_for_is_said(app, tmp_path):
    make_run(tmp_path / "run", task="inpaint")
    code, _, err = app("export", "run", "--format", "bioimage")
    assert (code, err) == (0, "dlcli: the model zoo asks for --author and --license\n")


def test_torch(app, tmp_path):
    """A program that PyTorch reads without dlcli, of a free number of images."""
    import torch

    make_run(tmp_path / "run", task="classify", classes=("a", "b"), side=8)
    assert app("export", "run", "--format", "torch", "--quiet") == (0, "", "")
    about = {"dlcli.json": ""}
    program = torch.export.load(tmp_path / "run.pt2", extra_files=about).module()
    assert json.loads(json.loads(about["dlcli.json"])["classes"]) == ["a", "b"]
    x = torch.rand(3, 1, 8, 8)
    expected = network_of(tmp_path / "run")(x).softmax(1)
    torch.testing.assert_close(program(x), expected, atol=1e-5, rtol=0)
