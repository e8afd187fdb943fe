"""train_deconv as a function: every task, optimizer and loss, on small images made here."""

import gzip
import json
import math
import struct
import tomllib

import numpy as np
import pytest
import torch
from PIL import Image

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.errors import DlcliError
from dlcli.networks.data.load import split
from dlcli.networks.model.saved import SavedNetwork
from dlcli.runs import checkpoint
from dlcli.tasks.train_deconv import train_deconv

pytestmark = pytest.mark.usefixtures("one_thread")

# A small network, the same arithmetic everywhere, and pictures and reports only at both ends.
SMALL = {
    "filters": "8,8", "depth": 0, "amp": "off", "device": "cpu", "optimizer": "adam", "lr": 2e-3, "batch_size": 4,
    "val": 0.3, "steps": 12, "report_every": 12,
}  # fmt: skip


def picture(random, side, color=False):
    """Squares of four pixels: sharp edges, which every degradation spoils and a network soon learns."""
    coarse = random.integers(0, 256, (8, 8, 3) if color else (8, 8), dtype=np.uint8)
    return Image.fromarray(coarse).resize((side, side), Image.Resampling.NEAREST)


def photographs(folder, count=8, side=32, color=False, seed=0):
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    for number in range(count):
        picture(random, side, color).save(folder / f"{number}.png")
    return str(folder)


def stripes(kind, side, random):
    """Level or upright stripes at a random place: two classes that are told apart at once."""
    line = (np.arange(side) // 3 + random.integers(6)) % 2 * 200 + random.integers(0, 40)
    return np.broadcast_to(line[:, None] if kind == 0 else line[None, :], (side, side)).astype(np.uint8)


@pytest.fixture
def run(tmp_path):
    """Train, and give the report, the records of metrics.jsonl and the run's folder."""
    made = []

    def train(*data, **given):
        folder = tmp_path / f"run-{len(made)}"
        made.append(folder)
        config = TrainDeconvConfig.build({"data": tuple(map(str, data)), "out": folder, **SMALL, **given})
        report = train_deconv(config)
        records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        return report, records, folder

    return train


@pytest.fixture
def photos(tmp_path):
    return photographs(tmp_path / "photos")


def kernel_file(folder):
    kernels = np.random.default_rng(0).random((2, 5, 5))
    np.savez(folder / "kernels.npz", a=kernels[0], b=kernels[1])
    return str(folder / "kernels.npz")


def noisy_images(folder):
    random = np.random.default_rng(0)
    for number in range(3):
        values = np.full((64, 64, 3), 60.0) + 60 * number + 25 * random.standard_normal((64, 64, 3))
        (folder / "noisy").mkdir(exist_ok=True)
        Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).save(folder / "noisy" / f"{number}.png")
    return folder / "noisy"


def mask_file(folder):
    mask = np.zeros((32, 32), np.uint8)
    mask[8:24, 5:28] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    return folder / "mask.png"


# name -> (settings, or a function of the folder that gives them; what the model file says of the task)
TASKS = {
    "denoise": ({}, {"sigma": [25.0, 25.0]}),
    "denoise, blind": ({"sigma": "0:55"}, {"sigma": [0.0, 55.0]}),
    "denoise, photons": ({"poisson": 20.0}, {"poisson": 20.0}),
    "deblur": ({"task": "deblur"}, {"sigma": [2.55, 2.55]}),
    "deblur, motion": ({"task": "deblur", "blur": "motion:7:30", "sigma": "5"}, {"sigma": [5.0, 5.0]}),
    "deblur, file": (lambda f: {"task": "deblur", "blur": kernel_file(f), "sigma": "0"}, {"sigma": [0.0, 0.0]}),
    "deblur, one of a file": (lambda f: {"task": "deblur", "blur": kernel_file(f) + ":b"}, {}),
    "upscale 2": ({"task": "upscale"}, {"scale": 2}),
    "upscale 3": ({"task": "upscale", "scale": "3"}, {"scale": 3}),
    "upscale 4": ({"task": "upscale", "scale": "4"}, {"scale": 4}),
    "inpaint": ({"task": "inpaint", "holes": 0.7}, {"holes": 0.7}),
    "inpaint, mask": (lambda f: {"task": "inpaint", "mask": mask_file(f)}, {}),
    "reconstruct": ({"task": "reconstruct", "filters": "8,16,8"}, {}),
    "denoise, photons and reading": (
        {"poisson": 20.0, "sigma": "10"}, {"poisson": 20.0, "sigma": [10.0, 10.0], "noise": "poisson-gaussian"}),
    "denoise, camera": ({"noise": "camera", "sigma": "30"}, {"sigma": [30.0, 30.0], "noise": "camera"}),
    "denoise, measured": (lambda f: {"noise": f"auto:{noisy_images(f)}"}, {"noise": "measured"}),
}  # fmt: skip
ARRAYS = {
    "denoise, measured": ["noise.gain", "noise.intercept"],
    "deblur": ["kernel.0"], "deblur, motion": ["kernel.0"], "deblur, file": ["kernel.0", "kernel.1"],
    "deblur, one of a file": ["kernel.0"], "inpaint, mask": ["mask"],
}  # fmt: skip


@pytest.mark.thinned(6)
@pytest.mark.parametrize(("name", "color"), [(name, number % 2 > 0) for number, name in enumerate(TASKS)])
def test_every_task_trains(run, tmp_path, name, color):
    given, says = TASKS[name]
    given = given(tmp_path) if callable(given) else given
    data = photographs(tmp_path / "photos", color=color)
    report, records, folder = run(data, **given, steps=40, report_every=40)
    task = given.get("task", "denoise")
    assert (report.task, report.status, report.steps) == (task, "finished", 40)
    assert [r["step"] for r in records] == [0, 40]
    assert records[1]["val_loss"] < records[0]["val_loss"]
    assert report.best_step == 40
    assert report.images.model_dump() == {"train": 6, "val": 2}
    val = report.metrics["val"]
    assert val["loss"] == records[1]["val_loss"]
    assert val["psnr"] == records[1]["psnr"]
    if task != "reconstruct":  # whose input is what it should give
        assert val["psnr"] > val["input_psnr"] - 0.2  # the mean of the images' PSNR is not that of the loss
    saved = SavedNetwork.load(folder / "model.safetensors")
    channels = 3 if color else 1
    assert saved.task == {"task": task, "channels": channels} | saved.task | says
    assert sorted(saved.arrays) == ARRAYS.get(name, [])
    assert saved.classes == ()
    assert saved.spec.output_channels == channels
    inputs = {"deblur": 2 * channels, "inpaint": channels + 1}.get(task, channels)
    assert saved.spec.input_channels == inputs
    with torch.no_grad():
        x = torch.rand(1, inputs, 19, 23)
        assert saved.network()(x, x[:, :channels]).shape == (1, channels, 19, 23)


def test_pairs_learn_the_way_from_one_folder_to_the_other(run, tmp_path):
    inputs, targets = photographs(tmp_path / "in"), photographs(tmp_path / "out")
    for number in range(8):
        file = tmp_path / "out" / f"{number}.png"
        Image.fromarray(255 - np.asarray(Image.open(file))).save(file)
    report, records, folder = run(inputs, targets, task="pairs", steps=60, report_every=60, lr=5e-3)
    assert records[0]["val_loss"] == pytest.approx(10 ** (-records[0]["input_psnr"] / 10), rel=0.02)
    assert records[1]["val_loss"] < 0.5 * records[0]["val_loss"]
    assert report.metrics["val"]["psnr"] > report.metrics["val"]["input_psnr"] + 3
    assert SavedNetwork.load(folder / "model.safetensors").task["task"] == "pairs"


def class_folders(folder, side=16, count=12):
    random = np.random.default_rng(0)
    for kind, name in enumerate(("level", "upright")):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(stripes(kind, side, random)).save(folder / name / f"{number}.png")
    return str(folder)


def idx_files(folder, side=16, count=24):
    random = np.random.default_rng(0)
    labels = np.arange(count, dtype=np.uint8) % 2
    images = np.stack([stripes(label, side, random) for label in labels])
    folder.mkdir()
    packed = struct.pack(">BBBBIII", 0, 0, 8, 3, *images.shape) + images.tobytes()
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(packed))
    (folder / "train-labels-idx1-ubyte").write_bytes(struct.pack(">BBBBI", 0, 0, 8, 1, count) + labels.tobytes())
    return str(folder)


@pytest.mark.parametrize("make", [class_folders, idx_files])
@pytest.mark.parametrize("arch", ["fast", "article"])
def test_classes_are_learned(run, tmp_path, make, arch):
    data = make(tmp_path / "data")
    given = {"filters": "8,8", "stride": "1,2", "batch_size": 8, "lr": 5e-3, "ema": 0.0, "augment": "none"}
    report, records, folder = run(data, task="classify", arch=arch, **given, steps=30, report_every=30)
    names = ["level", "upright"] if make is class_folders else [str(digit) for digit in range(10)]
    assert report.classes == names
    assert report.loss == "cross-entropy"
    val = report.metrics["val"]
    assert val["loss"] == val["log_loss"] < records[0]["val_loss"]
    assert val["accuracy"] >= 0.8
    confusion = np.array(report.confusion)
    assert confusion.shape == (len(names), len(names))
    assert confusion.sum() == report.images.val == 7
    assert np.trace(confusion) / 7 == pytest.approx(val["accuracy"])
    assert sum(one.images for one in report.per_class) == 7
    saved = SavedNetwork.load(folder / "model.safetensors")
    assert saved.classes == tuple(names)
    assert saved.network()(torch.rand(2, 1, 16, 16)).shape == (2, len(names))


def test_class_images_of_several_sizes_become_squares(run, tmp_path):
    data = class_folders(tmp_path / "data")
    Image.new("L", (40, 22), 80).save(tmp_path / "data/level/wide.png")
    report, _, folder = run(data, task="classify", stride="1,2", crop=12)
    assert report.images.model_dump() == {"train": 18, "val": 7} or report.images.train + report.images.val == 25
    assert SavedNetwork.load(folder / "model.safetensors").spec.head.side == 12


@pytest.mark.thinned(6)
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "muon"])
@pytest.mark.parametrize("loss", ["mse", "l1", "charbonnier", "bce"])
def test_every_optimizer_lowers_every_loss(run, photos, optimizer, loss):
    rates = {"adam": 5e-3, "adamw": 5e-3, "sgd": 0.02, "muon": 5e-3}
    # bce needs outputs within 0..1, which the article's sigmoid gives.
    arch = {"arch": "article"} if loss == "bce" else {}
    report, records, _ = run(photos, optimizer=optimizer, loss=loss, lr=rates[optimizer], sigma="40", val=0.0, **arch)
    assert (report.optimizer, report.loss, report.lr) == (optimizer, loss, rates[optimizer])
    assert records[1]["loss"] < records[0]["loss"] * 1.05
    assert "val" not in report.metrics
    assert records[1]["val_loss"] is None


@pytest.mark.thinned(2)
@pytest.mark.parametrize("arch", ["fast", "article", "rednet", "large"])
def test_every_preset_trains_without_its_size_given(run, tmp_path, arch):
    data = photographs(tmp_path / "photos", count=3, side=16)
    report, _, folder = run(data, arch=arch, filters=None, depth=None, optimizer=None, lr=None, batch_size=2, steps=1)
    assert report.status == "finished"
    assert report.weights > 10_000
    assert SavedNetwork.load(folder / "model.safetensors").network().spec.filters


def test_the_report_is_the_contract_s(run, photos):
    report, records, folder = run(photos, steps=10, report_every=2, seed=7)
    written = json.loads((folder / "report.json").read_text())
    assert json.loads(report.to_json()) == written
    assert set(written) >= {
        "dlcli", "command", "run", "device", "seed", "seconds", "steps", "status", "metrics", "environment",
    }  # fmt: skip
    assert report.command == "train-deconv"
    assert report.run == str(folder)
    assert (report.device, report.seed, report.steps, report.status) == ("cpu", 7, 10, "finished")
    assert set(report.metrics) == {"train", "val"}
    assert set(report.metrics["val"]) == {"loss", "psnr", "ssim", "input_psnr", "input_ssim"}
    assert report.environment.torch.startswith(torch.__version__.partition("+")[0])
    assert report.images_per_second > 0
    assert [r["step"] for r in records] == [0, 2, 4, 6, 8, 10]
    best = min(records, key=lambda r: r["val_loss"])
    assert report.best_step == best["step"]
    assert report.metrics["val"]["loss"] == best["val_loss"]
    # The last report's rate is that of the step before it: a tenth of the way from the end.
    assert records[-1]["lr"] == pytest.approx(0.1 * SMALL["lr"])


def test_about_twenty_reports_unless_told(run, photos):
    _, records, _ = run(photos, steps=41, report_every=0)
    assert [r["step"] for r in records] == [*range(0, 41, 3), 41]


@pytest.mark.thinned(2)
@pytest.mark.parametrize(
    "given",
    [
        {"optimizer": "muon", "lr": 0.01, "ema": 0.9, "schedule": "one-cycle", "sigma": "0:40"},
        {"task": "deblur", "blur": "motion:5:45", "optimizer": "sgd", "l1": 1e-4, "clip": 0.5, "augment": "none"},
        {"task": "upscale", "scale": "3", "optimizer": "adamw", "l2": 0.01, "dropout": 0.2, "color": False},
        lambda folder: {"task": "inpaint", "mask": mask_file(folder), "activation": "leaky-relu"},
    ],
)
def test_config_toml_repeats_the_run(run, photos, tmp_path, given):
    given = given(tmp_path) if callable(given) else given
    _, records, folder = run(photos, **given, seed=2**63 - 1)
    again = TrainDeconvConfig.build({"out": tmp_path / "again"}, folder / "config.toml")
    train_deconv(again)
    assert (tmp_path / "again/model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()
    assert (tmp_path / "again/config.toml").read_bytes() == (folder / "config.toml").read_bytes()
    repeated = [json.loads(line) for line in (tmp_path / "again/metrics.jsonl").read_text().splitlines()]
    assert [r | {"seconds": 0} for r in repeated] == [r | {"seconds": 0} for r in records]
    settings = tomllib.loads((folder / "config.toml").read_text())
    assert settings["seed"] == 2**63 - 1
    assert not {"out", "force", "resume", "json_output", "quiet"} & set(settings)


def test_equal_seeds_give_equal_bytes_and_others_differ(run, photos):
    models = [(run(photos, seed=seed, dropout=0.1)[2] / "model.safetensors").read_bytes() for seed in (3, 3, 4)]
    assert models[0] == models[1] != models[2]


def test_the_saved_network_gives_what_was_reported(run, photos, tmp_path):
    """PSNR of the reloaded model on the images held out, computed here, is the report's."""
    report, _, folder = run(photos, task="reconstruct", filters="8,8", ema=0.8)
    path = folder / "model.safetensors"
    saved = SavedNetwork.load(path)
    assert saved.to_bytes() == path.read_bytes()
    network = saved.network()
    assert not network.training
    _, held = split(8, 0.3, 0)
    found = []
    for index in held:
        pixels = np.asarray(Image.open(tmp_path / "photos" / f"{index}.png")).astype(np.float32)
        with torch.no_grad():
            output = network(torch.from_numpy(pixels / 255)[None, None])[0, 0].clamp(0, 1).mul(255).round().numpy()
        found.append(10 * math.log10(255**2 / float(((output - pixels) ** 2).mean())))
    assert np.mean(found) == pytest.approx(report.metrics["val"]["psnr"], abs=1e-3)


def test_what_is_held_out_is_not_trained_on(run, tmp_path):
    """A network that learns a constant image by heart knows nothing of the one held out."""
    (tmp_path / "photos").mkdir()
    _, held = split(6, 0.1, 0)
    for index in range(6):
        Image.new("L", (16, 16), 255 if index in held else 50).save(tmp_path / f"photos/{index}.png")
    given = {"task": "reconstruct", "filters": "4", "steps": 20, "report_every": 20, "val": 0.1, "lr": 5e-3}
    report, records, _ = run(tmp_path / "photos", **given)
    assert records[1]["loss"] < 0.1
    assert report.images.model_dump() == {"train": 5, "val": 1}
    seen, unseen = split(100, 0.25, 9)
    assert sorted(seen + unseen) == list(range(100))
    assert len(unseen) == 25
    assert split(100, 0.25, 9) == (seen, unseen) != split(100, 0.25, 10)
    assert split(2, 0.01, 0)[1] != []
    assert split(2, 0.99, 0)[0] != []
    assert split(5, 0.0, 0) == ([0, 1, 2, 3, 4], [])


def test_early_stopping_stops_and_keeps_the_best(run, photos):
    # A rate that changes nothing: no report is better than the first.
    report, records, folder = run(photos, optimizer="sgd", lr=1e-30, report_every=1, steps=50, early_stop=3)
    assert report.status == "stopped"
    assert "early stopping" in report.reason
    assert [r["step"] for r in records] == [0, 1, 2, 3]
    assert report.best_step == 0
    untrained = SavedNetwork.load(folder / "model.safetensors").state["deconvolutions.0.weight"]
    assert float(untrained.abs().max()) == 0


def test_a_run_limited_by_time_ends_in_time(run, photos):
    report, records, _ = run(photos, steps=None, minutes=1.5 / 60, report_every=0)
    assert (report.status, report.reason) == ("finished", "time limit reached")
    assert (
        records[-1]["lr"] <= SMALL["lr"]
    )  # how it falls is held in tests/networks/training/test_solver.py, with a clock
    assert report.seconds >= 1.5
    assert 2 <= len(records) <= 22


@pytest.mark.parametrize(("crop", "crops"), [(None, 6), (16, 6 * 4), (24, 11)])
def test_an_epoch_is_a_pass_over_the_pixels(run, photos, crop, crops):
    """Of 6 images of 32 x 32 pixels."""
    report, _, _ = run(photos, steps=None, epochs=3.5, report_every=100, crop=crop)
    assert report.steps == math.ceil(3.5 * crops / 4)


def test_the_average_is_what_is_saved(run, photos):
    _, _, averaged = run(photos, ema=0.95, val=0.0)
    _, _, plain = run(photos, val=0.0)
    first, second = (SavedNetwork.load(f / "model.safetensors").state for f in (averaged, plain))
    assert not torch.equal(first["convolutions.0.weight"], second["convolutions.0.weight"])
    arrays, _ = checkpoint.load(averaged)
    # Training itself is the same; the average only watches.
    assert np.array_equal(arrays["network.convolutions.0.weight"], second["convolutions.0.weight"].numpy())
    # The last layer is changed so that flat images stay flat.
    saved = [weight.numpy().ravel() for name, weight in first.items() if not name.startswith("deconvolutions.0.")]
    assert np.isin(np.concatenate(saved), arrays["average"]).all()


def test_l1_leaves_zeros_in_the_saved_model(run, photos):
    _, _, folder = run(photos, optimizer="sgd", lr=0.05, l1=0.5)
    weights = SavedNetwork.load(folder / "model.safetensors").state["convolutions.1.weight"]
    assert (weights == 0).float().mean() > 0.3


def test_progress_is_told_of_all_that_happens(tmp_path, photos):
    class Listener:
        def __init__(self):
            self.steps, self.notes, self.warnings, self.title, self.ended = [], [], [], "", 0

        def note(self, text):
            self.notes.append(text)

        def warn(self, text):
            self.warnings.append(text)

        def begin(self, title, steps, has_validation, seconds=None):
            assert (steps, has_validation, seconds) == (12, True, None)
            self.title = title

        def step(self, step):
            self.steps.append(step)
            assert (tmp_path / "run" / checkpoint.STATE).is_file()

        def end(self):
            self.ended += 1

        def result(self, report):
            self.report = report

    listener = Listener()
    given = SMALL | {"report_every": 5}
    train_deconv(TrainDeconvConfig.build({"data": (photos,), "out": tmp_path / "run", **given}), listener)
    assert [s.step for s in listener.steps] == [0, 5, 10, 12]
    assert listener.steps[-1].status == "finished"
    assert listener.report.steps == 12
    assert listener.ended == 1
    assert "denoise of sigma 25" in listener.title
    busy = "other programs use the cores"  # which is told where they do
    assert [note for note in listener.notes if busy not in note] == [
        "6 images train, 2 held out (2 crops measured); 32 x 32 pixels, gray, 8 bits; crops of 32 x 32"
    ]
    rough, few = listener.warnings
    assert "2 crops of 2 images only" in rough
    assert "a network learns little in 12 steps:" in few


def test_divergence_is_an_error_with_a_report(tmp_path, photos):
    given = SMALL | {"optimizer": "sgd", "lr": 1e8, "steps": 60}
    with pytest.raises(DlcliError, match="learning rate") as caught:
        train_deconv(TrainDeconvConfig.build({"data": (photos,), "out": tmp_path / "run", **given}))
    assert caught.value.exit_code == 4
    report = json.loads((tmp_path / "run/report.json").read_text())
    assert report["status"] == "diverged"
    assert report["skipped_steps"] > 0
    SavedNetwork.load(tmp_path / "run/model.safetensors")  # the last good state is kept


def test_real_digits(run, shared):
    """A few steps on MNIST are far better than chance."""
    report, _, _ = run(
        shared / "mnist", task="classify", filters="8,16", stride="2,2", batch_size=128, steps=60, report_every=60,
        lr=0.01, val=0.02,
    )  # fmt: skip
    assert report.images.model_dump() == {"train": 58_800, "val": 1200}
    assert report.metrics["val"]["accuracy"] > 0.7
