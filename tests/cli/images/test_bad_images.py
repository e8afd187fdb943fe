"""Bad input to train-deconv: exit code 2, one line that helps, no traceback, nothing left behind.

In this process, as importing torch takes seconds; the command line is the real one.
"""

import gzip
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from dlcli.cli.app import run as run_app
from tests.cli.images.test_train_deconv import handlers  # noqa: F401

TRAIN = ["--filters", "2", "--steps", "1", "--amp", "off", "--batch-size", "2", "--device", "cpu"]


def pixels(side=16, seed=0, channels=3):
    shape = (side, side, channels) if channels > 1 else (side, side)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def folder(name="d", count=4, side=16, ending="png"):
    def make(base):
        (base / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            Image.fromarray(pixels(side, number)).save(base / name / f"{number}.{ending}")

    return make


def text(name, content):
    def make(base):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_bytes(content.encode() if isinstance(content, str) else content)

    return make


def saved(name, image, **options):
    """An image file; ``image`` is called, so that nothing is made at import."""

    def make(base):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        image().save(base / name, **options)

    return make


def array(name, value):
    def make(base):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(base / name, value) if name.endswith(".npy") else np.savez(base / name, **value)

    return make


def both(*makers):
    return lambda base: [make(base) for make in makers]


def cut(name, share=0.5):
    def make(base):
        data = (base / name).read_bytes()
        (base / name).write_bytes(data[: int(len(data) * share)])

    return make


def bomb(base):
    """A PNG whose header asks for 100,000 x 100,000 pixels."""
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    data = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )
    text("d/bomb.png", data)(base)


def idx(base, images, labels, kind="mnist"):
    text(f"{kind}/train-images-idx3-ubyte", images)(base)
    text(f"{kind}/train-labels-idx1-ubyte.gz", gzip.compress(labels))(base)


def idx_bytes(values):
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()


GOOD_IMAGES = idx_bytes(np.zeros((6, 28, 28), np.uint8))
GOOD_LABELS = idx_bytes(np.arange(6, dtype=np.uint8))
LYING_IMAGES = struct.pack(">BBBB3I", 0, 0, 8, 3, 4_000_000_000, 28, 28) + b"\0" * 784
CLASSES = both(folder("d/cat"), folder("d/dog"))

# name -> (make the files, arguments, what the line must say)
CASES = {
    "no such folder": (None, ["nowhere"], "nowhere"),
    "no such folder, but one like it": (folder("photos"), ["photo"], "photos"),
    "no match for a glob": (folder(), ["d/*.webp"], "d/*.webp"),
    "empty folder": (lambda base: (base / "d").mkdir(), ["d"], "holds no image"),
    "only text files": (both(text("d/a.txt", "x"), text("d/b.csv", "1,2")), ["d"], "holds no image"),
    "one image only": (folder(count=1, side=70), ["d"], "0.png is 70 x 70 pixels, too small to hold out --val 0.05"),
    "one image file, most held out": (folder(count=1, side=200), ["d/0.png", "--val", "0.9"], "hold out --val 0.9"),
    "one small image of three": (both(folder(count=3), cut("d/0.png"), text("d/1.png", "")), ["d"], "2.png is 16 x 16"),
    "all images too small": (folder(side=7), ["d"], "7 x 7 pixels"),
    "all images truncated": (both(folder(count=2), cut("d/0.png"), cut("d/1.png")), ["d"], "0.png"),
    "text named .png": (both(text("d/0.png", "hello"), text("d/1.png", "hello")), ["d"], "0.png"),
    "bomb and nothing else": (bomb, ["d"], "million pixels"),
    "a table": (text("t.csv", "a,b\n1,2\n"), ["t.csv"], "t.csv"),
    "a model file": (text("m.pt", b"PK\x03\x04"), ["m.pt"], "m.pt"),
    "a pickle in a glob": (text("d/m.pkl", b"\x80\x04N."), ["d/m.pkl"], "pickle"),
    "array of objects": (array("x.npy", np.array([[1, "x"]], dtype=object)), ["x.npy"], "never loaded"),
    "array of one dimension": (array("x.npy", np.zeros(9, np.uint8)), ["x.npy"], "shape"),
    "array with channels first": (array("x.npy", np.zeros((4, 3, 16, 16), np.uint8)), ["x.npy"], "--axes NCYX"),
    "array of frames or channels": (array("x.npy", np.zeros((4, 16, 16), np.uint8)), ["x.npy"], "--axes NYX"),
    "array with NaN": (array("x.npy", np.full((5, 16, 16), np.nan)), ["x.npy"], "NaN"),
    "npz without images": (array("x.npz", {"a": np.zeros((2, 9, 9)), "b": np.zeros(2)}), ["x.npz"], "x.npz"),
    "truncated npy": (text("x.npy", b"\x93NUMPY\x01\x00"), ["x.npy"], "x.npy"),
    "unmatched pairs": (
        both(folder("a"), folder("b", ending="bmp"), lambda base: [p.rename(p.with_name("x" + p.name))
                                                                  for p in (base / "b").iterdir()]),
        ["a", "b", "--task", "pairs"], "no pair"),
    "pairs of two sizes": (both(folder("a"), folder("b", side=20)), ["a", "b", "--task", "pairs"], "20 x 20"),
    "pairs with one folder": (folder("a"), ["a", "--task", "pairs"], "two folders"),
    "pairs with three folders": (folder("a"), ["a", "a", "a", "--task", "pairs"], "got 3"),
    "pairs without DATA": (None, ["--task", "pairs"], "got 0"),
    "one small pair": (both(folder("a", count=1), folder("b", count=1)), ["a", "b", "--task", "pairs"], "too small"),
    "class folder without images": (
        both(CLASSES, text("d/eel/x.txt", "x")), ["d", "--task", "classify"], "eel"),
    "class folder of broken images": (
        both(CLASSES, text("d/eel/0.png", "x")), ["d", "--task", "classify"], "eel"),
    "one class": (folder("d/cat"), ["d", "--task", "classify"], "one class"),
    "no class folders": (folder(), ["d", "--task", "classify"], "class folders"),
    "parts instead of classes": (
        both(folder("d/train/cat"), folder("d/test/cat")), ["d", "--task", "classify"], "parts"),
    "classify without DATA": (None, ["--task", "classify"], "needs DATA"),
    "IDX header that lies": (
        lambda b: idx(b, LYING_IMAGES, GOOD_LABELS), ["mnist", "--task", "classify"], "4000000000"),
    "IDX that is cut off": (
        lambda b: idx(b, GOOD_IMAGES[:-9], GOOD_LABELS), ["mnist", "--task", "classify"], "images-idx3"),
    "IDX labels of another length": (
        lambda b: idx(b, GOOD_IMAGES, GOOD_LABELS[:4] + struct.pack(">I", 5) + GOOD_LABELS[8:-1]),
        ["mnist", "--task", "classify"], "labels"),
    "IDX without labels": (
        text("mnist/train-images-idx3-ubyte", GOOD_IMAGES), ["mnist", "--task", "classify"], "labels"),
    "IDX of broken gzip": (
        lambda b: [idx(b, GOOD_IMAGES, GOOD_LABELS), cut("mnist/train-labels-idx1-ubyte.gz")(b)],
        ["mnist", "--task", "classify"], "gzip"),
    "--sigma abc": (folder(), ["d", "--sigma", "abc"], "--sigma"),
    "--sigma -1": (folder(), ["d", "--sigma", "-1"], "--sigma"),
    "--sigma 50:10": (folder(), ["d", "--sigma", "50:10"], "--sigma"),
    "--sigma 300": (folder(), ["d", "--sigma", "300"], "--sigma"),
    "--sigma nan": (folder(), ["d", "--sigma", "nan"], "--sigma"),
    "--sigma for upscale": (folder(), ["d", "--sigma", "25", "--task", "upscale"], "upscale"),
    "--sigma range for deblur": (folder(), ["d", "--sigma", "1:2", "--task", "deblur"], "deblur"),
    "--sigma and --poisson for deblur": (
        folder(), ["d", "--sigma", "5", "--poisson", "30", "--task", "deblur"], "--poisson"),
    "--noise 25": (folder(), ["d", "--noise", "25"], "--sigma"),
    "--noise auto": (folder(), ["d", "--noise", "auto"], "auto:FOLDER"),
    "--noise auto: of no folder": (folder(), ["d", "--noise", "auto:nowhere"], "nowhere"),
    "--noise auto: without noise": (folder(), ["d", "--noise", "auto:d"], "can't be measured"),
    "--noise and --poisson": (folder(), ["d", "--noise", "camera", "--poisson", "30"], "leave --poisson out"),
    "--noise auto: and --sigma": (folder(), ["d", "--noise", "auto:d", "--sigma", "5"], "leave --sigma out"),
    "--noise for deblur": (folder(), ["d", "--noise", "camera", "--task", "deblur"], "denoise"),
    "--noise for noisy images": (folder(), ["d", "--noise", "camera", "--targets", "noisy"], "measured"),
    "--noise camera of two channels": (
        folder(), ["d", "--noise", "camera", "--channels", "2"], "--channels 2"),
    "--poisson 0": (folder(), ["d", "--poisson", "0"], "--poisson"),
    "--poisson for deblur": (folder(), ["d", "--poisson", "9", "--task", "deblur"], "--poisson"),
    "--holes 1": (folder(), ["d", "--task", "inpaint", "--holes", "1"], "--holes"),
    "--filters 0": (folder(), ["d", "--filters", "0"], "--filters"),
    "--filters x": (folder(), ["d", "--filters", "x"], "--filters"),
    "--filters empty": (folder(), ["d", "--filters", "8,,8"], "--filters"),
    "--stride of the wrong count": (folder(), ["d", "--filters", "4,4,4", "--stride", "1,2"], "--stride"),
    "--stride of the wrong count for a preset": (folder(), ["d", "--stride", "1,2", "--filters", "8,8,8"], "--stride"),
    "strides too large for the images": (
        CLASSES, ["d", "--task", "classify", "--filters", "4,4,4", "--stride", "4,4,4"], "--crop"),
    "--kernel 4": (folder(), ["d", "--kernel", "4"], "--kernel 4"),
    "--kernel 33": (folder(), ["d", "--kernel", "33"], "--kernel"),
    "--blur nonsense": (folder(), ["d", "--task", "deblur", "--blur", "nonsense"], "nonsense"),
    "--blur gaussian:-1": (folder(), ["d", "--task", "deblur", "--blur", "gaussian:-1"], "gaussian"),
    "--blur missing file": (folder(), ["d", "--task", "deblur", "--blur", "no.npy"], "no.npy"),
    "--blur text named .npy": (
        both(folder(), text("k.npy", "x")), ["d", "--task", "deblur", "--blur", "k.npy"], "k.npy"),
    "--blur of negative numbers": (
        both(folder(), array("k.npy", -np.ones((3, 3)))), ["d", "--task", "deblur", "--blur", "k.npy"], "k.npy"),
    "--blur larger than the images": (
        folder(), ["d", "--task", "deblur", "--blur", "motion:60:0"], "smaller than the blur kernel"),
    "--mask missing": (folder(), ["d", "--task", "inpaint", "--mask", "no.png"], "no.png"),
    "--mask no image": (
        both(folder(), text("m.png", "x")), ["d", "--task", "inpaint", "--mask", "m.png"], "m.png"),
    "--mask of another size": (
        both(folder(), saved("m.png", lambda: Image.fromarray(np.eye(9, dtype=np.uint8) * 255))),
        ["d", "--task", "inpaint", "--mask", "m.png"], "9x9"),
    "--mask that leaves nothing": (
        both(folder(), saved("m.png", lambda: Image.new("L", (16, 16), 255))),
        ["d", "--task", "inpaint", "--mask", "m.png"], "all missing"),
    "--scale 5": (folder(), ["d", "--task", "upscale", "--scale", "5"], "scale"),
    "--steps with --minutes": (folder(), ["d", "--minutes", "1"], "--steps and --minutes"),
    "--minutes 0": (folder(), ["d", "--minutes", "0"], "--minutes"),
    "--epochs nan": (folder(), ["d", "--epochs", "nan"], "--epochs"),
    "--steps 0": (folder(), ["d", "--steps", "0"], "--steps"),
    "--lr 0": (folder(), ["d", "--lr", "0"], "--lr"),
    "--lr inf": (folder(), ["d", "--lr", "inf"], "--lr"),
    "--loss cross-entropy for denoise": (folder(), ["d", "--loss", "cross-entropy"], "cross-entropy"),
    "--loss mse for classify": (CLASSES, ["d", "--task", "classify", "--loss", "mse"], "mse"),
    "--head classes for denoise": (folder(), ["d", "--head", "classes"], "--head classes"),
    "--head image for classify": (CLASSES, ["d", "--task", "classify", "--head", "image"], "--head image"),
    "--mixup for denoise": (folder(), ["d", "--mixup", "1"], "--mixup goes with --task classify"),
    "--class-weight for denoise": (folder(), ["d", "--class-weight", "balanced"], "--class-weight"),
    "--side for denoise": (folder(), ["d", "--side", "16"], "--side"),
    "--augment photos for denoise": (folder(), ["d", "--augment", "photos"], "--augment photos"),
    "--class-weight of no class": (CLASSES, ["d", "--task", "classify", "--class-weight", "eel=2"], "names eel"),
    "--class-weight without a number": (
        CLASSES, ["d", "--task", "classify", "--class-weight", "cat=much"], "NAME=WEIGHT"),
    "--class-weight 0": (CLASSES, ["d", "--task", "classify", "--class-weight", "cat=0"], "weights above 0"),
    "--side and --crop": (CLASSES, ["d", "--task", "classify", "--side", "16", "--crop", "16"], "give --side alone"),
    "--side 4": (CLASSES, ["d", "--task", "classify", "--side", "4"], "--side"),
    "--label-smoothing 1": (CLASSES, ["d", "--task", "classify", "--label-smoothing", "1"], "--label-smoothing"),
    "--jitter -1": (CLASSES, ["d", "--task", "classify", "--jitter", "-1"], "--jitter"),
    "--val 1.5": (folder(), ["d", "--val", "1.5"], "--val"),
    "--val 1": (folder(), ["d", "--val", "1"], "--val"),
    "--early-stop with --val 0": (folder(), ["d", "--early-stop", "2", "--val", "0"], "--early-stop"),
    "--ema 1": (folder(), ["d", "--ema", "1"], "--ema"),
    "--batch-size 0": (folder(), ["d", "--batch-size", "0"], "--batch-size"),
    "--crop 4": (folder(), ["d", "--crop", "4"], "--crop"),
    "--dropout 1": (folder(), ["d", "--dropout", "1"], "--dropout"),
    "--task unknown": (folder(), ["d", "--task", "dehaze"], "dehaze"),
    "--arch unknown": (folder(), ["d", "--arch", "resnet"], "resnet"),
    "--schedule unknown": (folder(), ["d", "--schedule", "sometimes"], "sometimes"),
    "unknown option": (folder(), ["d", "--learning", "1"], "--learning"),
    "--device cuda:99": (folder(), ["d", "--device", "cuda:99"], "cuda:99"),
    "--device tpu": (folder(), ["d", "--device", "tpu"], "--device"),
    "--resume nowhere": (None, ["--resume", "nowhere"], "nowhere"),
    "--out not empty": (both(folder(), text("o/x", "x")), ["d", "--out", "o"], "--force"),
    "--out is a file": (both(folder(), text("o", "x")), ["d", "--out", "o"], "--out"),
    "--config missing": (folder(), ["d", "--config", "no.toml"], "no.toml"),
    "--config with an unknown key": (
        both(folder(), text("c.toml", "learning_rate = 1.0")), ["d", "--config", "c.toml"], "did you mean lr?"),
    "--config with a bad value": (
        both(folder(), text("c.toml", 'sigma = "x"')), ["d", "--config", "c.toml"], "sigma"),
    "--config of another type": (
        both(folder(), text("c.toml", "stride = {a = 1}")), ["d", "--config", "c.toml"], "stride"),
    "--config that is no TOML": (both(folder(), text("c.toml", "lr = [")), ["d", "--config", "c.toml"], "c.toml"),
}  # fmt: skip


@pytest.fixture
def app(tmp_path, monkeypatch, capsys, handlers):  # noqa: F811
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        given = [str(a) for a in arguments]
        unset = [name for name in TRAIN[::2] if name not in given and not (name == "--steps" and "--epochs" in given)]
        options = [part for name in unset if "--resume" not in given for part in (name, TRAIN[TRAIN.index(name) + 1])]
        code = run_app(["train-deconv", *given, *options])
        streams = capsys.readouterr()
        return code, streams.out, streams.err

    return call


def listing(base):
    return sorted(str(p.relative_to(base)) for p in base.rglob("*"))


@pytest.mark.parametrize("name", CASES)
def test_train_deconv_refuses(app, tmp_path, name):
    make, arguments, words = CASES[name]
    if make:
        make(tmp_path)
    before = listing(tmp_path)
    code, out, err = app(*arguments)
    assert code == 2, (out, err)
    assert out == ""
    assert "Traceback" not in err
    assert "defect" not in err
    assert "Value error" not in err
    lines = [line for line in err.splitlines() if not line.startswith("dlcli: warning: skipped")]
    assert len(lines) == 1, err
    assert lines[0].startswith("dlcli: ")
    assert words in lines[0]
    assert ":" in lines[0].removeprefix("dlcli: ") or "give " in lines[0], "no hint"
    assert listing(tmp_path) == before


# What is said of any network that was trained for three steps on a few tiny images.
ROUGH = (
    "validation measures", "learns little in", "no better than its input", "returns its input", "makes images worse",
    "adds nothing to", "are those of step 0",
)  # fmt: skip


def warned(app, tmp_path, *arguments, out="run"):
    """A run that goes on: its report, its warnings (but for those on how little it learned) and its notes."""
    import json

    code, shown, err = app(*arguments, "--out", out)
    assert code == 0, err
    assert "Traceback" not in err
    assert "Warning" not in err
    assert "defect" not in err
    assert shown
    lines = [line for line in err.splitlines() if line.startswith("dlcli: ")]
    warnings = [line for line in lines if line.startswith("dlcli: warning: ")]
    lines = [line for line in lines if not any(words in line for words in ROUGH)]
    warnings = [line for line in warnings if line in lines]
    notes = [line for line in lines if line not in warnings and "train-deconv: " not in line]
    return json.loads((tmp_path / out / "report.json").read_text()), warnings, notes


def test_bad_files_among_good_ones_are_named_and_counted(app, tmp_path):
    folder(count=5)(tmp_path)
    folder("s", count=1, side=6)(tmp_path)
    (tmp_path / "s/0.png").rename(tmp_path / "d/small.png")
    cut("d/0.png")(tmp_path)
    text("d/empty.png", "")(tmp_path)
    text("d/text.png", "hello")(tmp_path)
    text("d/notes.txt", "not an image, and not counted")(tmp_path)
    bomb(tmp_path)
    report, warnings, _ = warned(app, tmp_path, "d")
    assert len(warnings) == 1
    assert "skipped 5 of 9 images" in warnings[0]
    assert "and 2 more" in warnings[0]
    assert report["skipped_images"] == 5
    assert report["images"]["train"] + report["images"]["val"] == 4


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (cut("d/0.png"), "0.png"),
        (text("d/0.png", ""), "0.png: is empty"),
        (text("d/0.png", "hello"), "0.png: is not a PNG, JPEG"),
        (bomb, "bomb.png: says that it has more than"),
    ],
)
def test_a_bad_file_is_named(app, tmp_path, make, words):
    folder(count=5)(tmp_path)
    make(tmp_path)
    report, warnings, _ = warned(app, tmp_path, "d")
    assert report["skipped_images"] == 1
    assert len(warnings) == 1
    assert words in warnings[0]


@pytest.mark.parametrize("streamed", [False, True])
def test_images_of_every_kind_train_together(app, tmp_path, streamed):
    folder(count=3, side=20)(tmp_path)
    gray = pixels(20, 9, 1)
    deep = gray.astype(np.uint16) * 257
    frames = [Image.fromarray(pixels(20, n)) for n in (1, 2)]
    for make in (
        saved("d/cmyk.jpg", lambda: Image.fromarray(pixels(20)).convert("CMYK")),
        saved("d/deep.png", lambda: Image.fromarray(deep)),
        saved("d/palette.png", lambda: Image.fromarray(pixels(20)).quantize(16)),
        saved("d/alpha.png", lambda: Image.fromarray(pixels(20, 0, 4))),
        saved("d/bilevel.tif", lambda: Image.fromarray(gray).convert("1")),
        saved("d/gray.bmp", lambda: Image.fromarray(gray)),
        saved("d/moves.webp", lambda: frames[0], save_all=True, append_images=frames[1:]),
        saved("d/LOUD.PNG", lambda: Image.fromarray(pixels(20))),
        saved("d/with space and ü.png", lambda: Image.fromarray(pixels(20))),
    ):
        make(tmp_path)
    report, warnings, notes = warned(app, tmp_path, "d", *(["--memory", "1e-6"] if streamed else []))
    assert report["images"]["train"] + report["images"]["val"] == 13  # both frames of the animation among them
    assert warnings == []
    assert any("moves.webp: 2 frames" in note for note in notes)
    assert any("read from disk" in note for note in notes) == streamed


def test_gray_folders_make_gray_networks_unless_told(app, tmp_path):
    (tmp_path / "d").mkdir()
    for number in range(3):
        Image.fromarray(pixels(16, number, 1)).save(tmp_path / f"d/{number}.png")
    gray, _, _ = warned(app, tmp_path, "d", out="gray")
    color, _, _ = warned(app, tmp_path, "d", "--color", out="color")
    assert color["weights"] > gray["weights"]


@pytest.mark.parametrize("task", ["denoise", "upscale", "inpaint", "reconstruct"])
def test_the_smallest_images_train(app, tmp_path, task):
    folder(side=8, count=2)(tmp_path)
    report, warnings, _ = warned(app, tmp_path, "d", "--task", task, "--scale", "4")
    assert report["status"] == "finished"
    assert warnings == []


def test_a_small_image_does_not_spoil_the_mean(app, tmp_path):
    folder(count=6, side=32)(tmp_path)
    folder("s", count=1, side=9)(tmp_path)
    (tmp_path / "s/0.png").rename(tmp_path / "d/small.png")
    report, _, _ = warned(app, tmp_path, "d", "--val", "0.9")
    assert report["metrics"]["val"]["psnr"] > 5
    assert report["metrics"]["val"]["ssim"] > 0


def test_a_crop_larger_than_the_images_is_the_whole_image(app, tmp_path):
    folder(side=16)(tmp_path)
    report, _, _ = warned(app, tmp_path, "d", "--crop", "4096")
    assert report["status"] == "finished"


def test_unmatched_images_of_pairs_are_named(app, tmp_path):
    folder("a", count=5)(tmp_path)
    folder("b", count=4)(tmp_path)
    folder("c", count=1, side=20)(tmp_path)
    (tmp_path / "c/0.png").replace(tmp_path / "b/2.png")
    report, warnings, _ = warned(app, tmp_path, "a", "b", "--task", "pairs")
    assert report["images"]["train"] + report["images"]["val"] == 3
    assert report["skipped_images"] == 2
    assert len(warnings) == 1
    assert "skipped 2 of 5 images" in warnings[0]
    assert "4.png: has no target" in warnings[0]
    assert "2.png: is 16 x 16 pixels and its target 20 x 20" in warnings[0]


def test_a_file_that_goes_bad_while_it_is_streamed_ends_the_run(app, tmp_path, monkeypatch):
    from dlcli.tasks import train_deconv as task

    folder(count=6)(tmp_path)
    read = task.read_images

    def spoil(config, progress):
        found = read(config, progress)
        for number in range(6):
            text(f"d/{number}.png", "")(tmp_path)
        return found

    monkeypatch.setattr(task, "read_images", spoil)
    code, out, err = app("d", "--memory", "1e-6", "--val", "0", "--quiet")
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert ".png" in err


def test_names_never_reach_the_terminal_raw(app, tmp_path):
    folder(count=3)(tmp_path)
    text("d/\x1b[31mred[bold]\n.png", "no image")(tmp_path)
    _, warnings, _ = warned(app, tmp_path, "d")
    assert "\x1b" not in warnings[0]
    assert "[bold]" in warnings[0]
