"""eval and predict of image networks through the command line: exit codes, JSON, files, and what is refused."""

import json
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load, save

from dlcli.cli.app import run as run_app
from tests.networks.examples import folder_of, make_run, smooth
from tests.networks.examples import save as save_image

METRICS = {"psnr", "ssim", "input_psnr", "input_ssim"}


@pytest.fixture(scope="module")
def handlers():
    """The command sets signal handlers in this process; pytest gets its own back."""
    kept = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    yield
    for number, handler in kept:
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, handlers):
    """A folder with photos and a network trained on them for three steps, long enough ones to change every image."""
    folder = tmp_path_factory.mktemp("trained")
    folder_of(folder / "photos", ((33, 40), (30, 21), (24, 24)))
    code = run_app(
        ["train-deconv", str(folder / "photos"), "--steps", "3", "--batch-size", "2", "--filters", "4", "--crop", "16",
         "--lr", "0.05", "--device", "cpu", "--out", str(folder / "run"), "--quiet"]
    )  # fmt: skip
    assert code == 0
    return folder


@pytest.fixture
def place(trained, tmp_path, monkeypatch):
    """A copy of them to work in."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def app(place, capfd, handlers):
    """Run the command in this process: exit code, stdout, stderr."""

    def call(*arguments):
        code = run_app([str(a) for a in arguments])
        streams = capfd.readouterr()
        return code, streams.out, streams.err

    return call


def test_eval_in_a_process_of_its_own(dlcli, place):
    result = dlcli("eval", "run", "photos", "--check", "psnr>=99", "--json")
    assert result.code == 3
    report = result.report
    assert set(report["metrics"]["test"]) == METRICS | {"checkerboard"}
    assert report["images"] == len(report["per_image"]) == 3
    assert [set(row) for row in report["per_image"]] == [METRICS | {"name"}] * 3
    assert (report["skipped"], report["task"], report["command"]) == ([], "denoise", "eval")
    assert report["checks"][0]["holds"] is False
    assert "FAILED psnr>=99: psnr is " in result.err


def test_eval_shows_a_table(app, place):
    code, out, err = app("eval", "run", "photos", "--check", "psnr>=1")
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].split() == ["input", "psnr", "psnr", "ssim"]
    assert [line.split()[0] for line in lines[1:4]] == ["0.png", "1.png", "2.png"]
    assert lines[4].startswith("mean of 3 images")
    assert lines[5].startswith("checkerboard: pixels of a flat image come out ")
    assert lines[6].startswith("ok psnr>=1: psnr is ")
    assert err == ""


def test_long_tables_are_cut_and_the_worst_come_first(app, place):
    folder_of(place / "many", ((16, 16),) * 23)
    lines = app("eval", "run", "many")[1].splitlines()
    assert len(lines) == 1 + 20 + 1 + 1 + 1
    assert lines[21].strip() == "... 3 more"
    lines = app("eval", "run", "many", "--worst", "2")[1].splitlines()
    assert len(lines) == 1 + 2 + 1 + 1 + 1
    report = json.loads(app("eval", "run", "many", "--json")[1])
    worst = sorted(report["per_image"], key=lambda row: row["psnr"])[:2]
    assert [line.split()[0] for line in lines[1:3]] == [row["name"] for row in worst]


def test_compare_adds_a_table_of_methods(app, place):
    code, out, err = app("eval", "run", "photos", "--compare")
    assert code == 0, err
    assert out.splitlines()[7].split()[4:] == ["psnr", "ssim", "s", "/", "image"]
    assert [line.split("  ")[0] for line in out.splitlines()[8:]] == [
        "input", "network", "non-local means", "total variation", "wavelets",
    ]  # fmt: skip


def test_eval_without_data_measures_what_training_held_out(app, place):
    code, out, err = app("eval", place / "run" / "model.safetensors", "--json")
    assert code == 0, err
    assert json.loads(out)["images"] == 1
    assert "no DATA given: measuring on the 1 of 3 images of" in err


def test_predict_keeps_names_depth_and_transparency(dlcli, place):
    deep = np.random.default_rng(0).integers(0, 65536, (20, 31), dtype=np.uint16)
    save_image(place / "in" / "b c" / "deep.png", deep)
    save_image(place / "in" / "clear.png", np.dstack([smooth(20, 31, 3), (deep >> 8).astype(np.uint8)]))
    (place / "in" / "bad.png").write_bytes(b"hello")
    result = dlcli("predict", "run", "in", "--out", "out")
    assert result.code == 0, result.err
    assert result.out == "2 images in out\nskipped 1\n"
    assert "skipped 1 of 3 images: bad.png: is not a" in result.err
    with Image.open(place / "out" / "b c" / "deep.png") as image:
        assert image.mode == "I;16"
        assert len(np.unique(np.asarray(image))) > 256
    with Image.open(place / "out" / "clear.png") as image:
        np.testing.assert_array_equal(np.asarray(image)[:, :, 3], deep >> 8)


def test_predict_reports_as_json(app, place):
    code, out, err = app("predict", "run", "photos/0.png", "--out", "new.jpg", "--json")
    assert code == 0
    # After the few steps of these tests, and of images without noise.
    first, *others = err.splitlines()
    assert first == "dlcli: 0.png: written as JPEG of quality 95"
    assert all("changed no pixel" in line or "far less noise" in line for line in others)
    report = json.loads(out)
    assert (report["images"], report["skipped"], report["out"]) == (1, [], "new.jpg")
    assert (place / "new.jpg").is_file()
    assert app("predict", "run", "photos", "--out", "quiet", "--quiet") == (0, "", "")


def test_a_linear_model_is_measured_without_torch(tmp_path):
    (tmp_path / "t.csv").write_text("a,y\n" + "".join(f"{i},{2 * i + i % 3}\n" for i in range(12)))
    code = (
        "import sys\nfrom dlcli.cli.app import run\n"
        "assert run(['fit-linear', 't.csv', '--out', 'run', '--quiet']) == 0\n"
        "assert run(['eval', 'run', 't.csv', '--quiet']) == 0\n"
        "assert run(['predict', 'run', 't.csv', '--out', 'p.csv', '--quiet']) == 0\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def edited(change):
    """Make a change to the model's description and tensors."""

    def edit(place):
        path = place / "run" / "model.safetensors"
        data = path.read_bytes()
        size = int.from_bytes(data[:8], "little")
        description = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["dlcli"])
        tensors = load(data)
        change(description, tensors)
        path.write_bytes(save(tensors, {"dlcli": json.dumps(description)}))

    return edit


def tensor(change):
    """Make a change to one tensor."""

    def edit(description, tensors):
        name = next(n for n in sorted(tensors) if tensors[n].ndim == 4)
        tensors[name] = change(tensors[name].copy())

    return edited(edit)


def entry(part, **values):
    """Set entries of a part of the description."""
    return edited(lambda description, tensors: description[part].update(values))


def cut(place):
    path = place / "run" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def foreign(place):
    (place / "run" / "model.safetensors").write_bytes(save({"w": np.zeros(3)}))


def holes(place):
    make_run(place / "run", "inpaint")


def deblurs(place):
    kernel = np.zeros((3, 3), np.float32)
    kernel[1, 1] = 1
    make_run(place / "run", "deblur", sigma=(2.55, 2.55), arrays={"kernel.0": kernel})


def classifies(place):
    make_run(place / "run", "classify", classes=("ant", "bee"), side=12)
    for name in ("ant", "dog"):
        folder_of(place / "classes" / name, ((12, 12),))


def nan(weights):
    return np.full_like(weights, np.nan)


def only_bad(place):
    for path in (place / "photos").iterdir():
        path.write_bytes(b"hello")


EVAL, PREDICT = ["eval", "run", "photos"], ["predict", "run", "photos", "--out", "out"]

# name -> (change what there is, arguments, what the line must say)
CASES = {
    "no such run": (None, ["eval", "nowhere", "photos"], "nowhere"),
    "run without a model": (lambda p: (p / "run" / "model.safetensors").unlink(), EVAL, "no model at"),
    "pickle": (None, ["eval", "model.pt", "photos"], "pickle"),
    "truncated model": (cut, EVAL, "model.safetensors"),
    "foreign safetensors": (foreign, EVAL, "model.safetensors"),
    "unknown kind": (edited(lambda d, t: d.update(kind="dlcli-forest")), EVAL, "'dlcli-forest'"),
    "newer format": (edited(lambda d, t: d.update(format=99)), EVAL, "format 99"),
    "shape changed": (tensor(lambda w: w[:-1]), EVAL, "damaged"),
    "type changed": (tensor(lambda w: w.astype(np.float16)), EVAL, "damaged"),
    "weights not finite": (tensor(nan), EVAL, "damaged"),
    "tensor missing": (edited(lambda d, t: t.pop(sorted(t)[0])), EVAL, "damaged"),
    "absurd filters": (entry("spec", filters=[10**9], strides=[1]), EVAL, "damaged"),
    "negative stride": (entry("spec", strides=[-1]), EVAL, "damaged"),
    "even kernel": (entry("spec", kernel=4), EVAL, "damaged"),
    "unknown activation": (entry("spec", activation="eval()"), EVAL, "damaged"),
    "unknown task": (entry("task", task="paint"), EVAL, "damaged"),
    "task of other channels": (entry("task", task="inpaint"), EVAL, "damaged"),
    "noise out of range": (entry("task", sigma=[-1, 5]), EVAL, "damaged"),
    "task that says nothing": (edited(lambda d, t: d.update(task={})), EVAL, "damaged"),
    "kernels without a task": (
        edited(lambda d, t: t.update({"array.kernel.x": np.full((3, 3), np.inf)})), EVAL, "damaged"),
    "no such data": (None, ["eval", "run", "photo"], "did you mean photos"),
    "folder without images": (lambda p: (p / "empty").mkdir(), ["eval", "run", "empty"], "holds no image"),
    "only bad images": (only_bad, EVAL, "0.png"),
    "option of tables": (None, [*EVAL, "--delimiter", ";"], "--delimiter is for tables"),
    "option of tables in predict": (None, [*PREDICT, "--no-header"], "--header is for tables"),
    "check of another metric": (None, [*EVAL, "--check", "accuracy>=0.9"], "no metric 'accuracy'"),
    "check that cannot be read": (None, [*EVAL, "--check", "psnr>"], "--check"),
    "no such device": (None, [*EVAL, "--device", "cuda:99"], "cuda:99"),
    "unknown device": (None, [*EVAL, "--device", "tpu"], "--device"),
    "noise above the scale": (None, [*EVAL, "--sigma", "300"], "--sigma"),
    "report in no directory": (None, [*EVAL, "--out", "no/report.json"], "no directory no"),
    "kernel of no blur": (None, [*EVAL, "--kernel", "0"], "--kernel 0"),
    "kernel out of range": (deblurs, [*PREDICT, "--kernel", "1"], "1 blur kernels"),
    "unknown class": (classifies, ["eval", "run", "classes"], "class dog"),
    "no class folders": (classifies, EVAL, "class folders"),
    "table to no .csv": (classifies, PREDICT, ".parquet"),
    "predict without data": (None, ["predict", "run", "--out", "out"], "DATA"),
    "predict without out": (None, ["predict", "run", "photos"], "--out FOLDER"),
    "out is the input": (None, ["predict", "run", "photos", "--out", "photos"], "overwrite the input"),
    "out exists": (lambda p: folder_of(p / "out", ((9, 9),)), PREDICT, "--force"),
    "out is one file": (None, ["predict", "run", "photos", "--out", "a.png"], "3 images"),
    "small tile": (None, [*PREDICT, "--tile", "3"], "--tile"),
    "mask of another task": (None, [*PREDICT, "--mask", "photos/0.png"], "--mask is for inpaint"),
    "mask of another shape": (holes, ["predict", "run", "photos/0.png", "--out", "out", "--mask", "photos/1.png"],
                              "the mask is 30x21, the image 33x40"),
    "mask that is none": (holes, [*PREDICT, "--mask", "run/config.toml"], "--mask run/config.toml"),
    "no mask": (holes, PREDICT, "--mask FILE"),
    "only bad images to restore": (only_bad, PREDICT, "0.png"),
}  # fmt: skip


def listing(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


@pytest.mark.parametrize("name", CASES)
def test_refusals(app, place, name):
    change, arguments, words = CASES[name]
    if change:
        change(place)
    before = listing(place)
    code, out, err = app(*arguments)
    assert code == 2, (code, out, err)
    assert len(err.splitlines()) == 1, err
    assert err.startswith("dlcli: ")
    assert words in err
    assert "defect" not in err
    assert out == ""
    assert listing(place) == before


@pytest.mark.parametrize("option", [["--device", "cpu"], ["--tile", "64"], ["--kernel", "1"], ["--compare"],
                                    ["--sigma", "5"], ["--seed", "1"], ["--worst", "3"]])  # fmt: skip
def test_options_of_networks_are_refused_for_linear_models(app, place, option):
    (place / "t.csv").write_text("a,y\n" + "".join(f"{i},{2 * i + i % 3}\n" for i in range(12)))
    assert app("fit-linear", "t.csv", "--out", "linear", "--quiet")[0] == 0
    code, out, err = app("eval", "linear", "t.csv", *option)
    assert (code, out) == (2, "")
    assert err.startswith(f"dlcli: {option[0]} is for image networks")
