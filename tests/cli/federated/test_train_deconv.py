"""``dlcli federate train-deconv``: rounds over clients leave a run as any other; through the command."""

import json

import numpy as np
import pytest
from PIL import Image

from dlcli.config.federated.train_deconv import FederateDeconvConfig
from dlcli.engine.progress import Silent
from dlcli.tasks.federated.train_deconv import federate_deconv

TINY = ("--filters", 4, "--depth", 0, "--stride", 2, "--unshuffle", 1, "--rounds", 3, "--local-steps", 2)
CLASSIFY = ("--task", "classify", "--batch-size", 8, "--augment", "none", "--plots", "none", *TINY)
SITES = ("north", "south")
THREE = ("federate", "train-deconv", "--clients", 3, "--no-pooled", *CLASSIFY)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Class images in one file and at three sites, the last of which has one; photographs at two sites."""
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    labels = np.arange(90) % 3
    pixels = np.zeros((90, 8, 8), np.uint8)  # bars on a black ground, as drawings are
    for image, label in zip(pixels, labels, strict=True):
        image[2 * label + 1, 1 : rng.integers(4, 8)] = rng.integers(120, 255)
        image[rng.integers(1, 7), rng.integers(1, 7)] = 200
    np.savez(folder / "digits.npz", images=pixels, labels=labels)
    for site, (start, stop) in {"east": (0, 40), "west": (40, 90)}.items():
        (folder / "sites").mkdir(exist_ok=True)
        np.savez(folder / "sites" / f"{site}.npz", images=pixels[start:stop], labels=labels[start:stop])
    for number, site in enumerate(SITES):
        (folder / "photos" / site).mkdir(parents=True)
        for i in range(4 + number):
            image = rng.integers(0, 256, (5, 5), dtype=np.uint8)
            Image.fromarray(image).resize((40, 36)).save(folder / "photos" / site / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    """A run over 3 clients, compared with all images at once."""
    out = tmp_path_factory.mktemp("run") / "run"
    given = {
        "data": (str(folder / "digits.npz"),), "task": "classify", "clients": ("3",), "partition": "dirichlet:0.5",
        "filters": "4", "depth": 0, "stride": "2", "unshuffle": 1, "rounds": 8, "local_steps": 3, "batch_size": 8,
        "augment": "none", "out": out, "pooled": True, "fraction": 0.7, "fuse": "on",
    }  # fmt: skip
    federate_deconv(FederateDeconvConfig.build(given), Silent())
    return out


def ran(app, *words):
    code, out, err = app(*words, "--json", "--quiet")
    assert code == 0, err
    return json.loads(out)


def model(path):
    from safetensors.numpy import load_file

    return np.concatenate([tensor.ravel() for _, tensor in sorted(load_file(path / "model.safetensors").items())])


def test_the_report_has_clients_and_rounds(run):
    report = json.loads((run / "report.json").read_text())
    entry = report["federation"]
    assert report["command"] == "federate train-deconv"
    assert report["steps"] == 24
    assert sum(client["rows"] for client in entry["clients"]) == 90
    assert sum(sum(client["classes"].values()) for client in entry["clients"]) == 90
    assert [one["round"] for one in entry["rounds"]] == list(range(1, 9))
    assert {len(one["asked"]) for one in entry["rounds"]} == {2}
    for number, client in enumerate(entry["clients"]):
        assert client["answered"] == sum(number in one["asked"] for one in entry["rounds"])
    assert entry["rounds"][-1]["metrics"]["accuracy"] == report["last"]["metrics"]["val"]["accuracy"]
    assert entry["pooled"]["metrics"]["val"]["accuracy"] > 0.4
    assert report["metrics"]["val"]["loss"] < entry["rounds"][0]["metrics"]["loss"]
    assert (run / "plots" / "federated.png").stat().st_size > 5000


def test_clients_own_images_make_up_those_held_out(run):
    report = json.loads((run / "report.json").read_text())
    each = [client for client in report["federation"]["clients"] if client["metrics"]]
    held = report["images"]["val"]
    counted = [(c["rows"], c["metrics"]["val"]["accuracy"]) for c in each]
    right = report["metrics"]["val"]["accuracy"] * held
    # Each accuracy is a whole number of the client's images, and all together are those of the whole.
    assert right == pytest.approx(round(right))
    assert min(a for _, a in counted) <= report["metrics"]["val"]["accuracy"] <= max(a for _, a in counted)


def test_the_run_is_one_as_any_other(app, run, folder):
    digits = folder / "digits.npz"
    measured = ran(app, "eval", run, digits)
    assert measured["metrics"]["test"]["accuracy"] > 0.4
    code, out, err = app("predict", run, digits, "--out", "found.csv")
    assert code == 0, err
    code, out, err = app("report", run)
    assert code == 0, err
    assert "federate train-deconv" in (run / "report.html").read_text()
    code, out, err = app("runs", run.parent)
    assert code == 0, err
    assert "federate" in out


def test_masks_change_nothing_but_what_is_seen(app, folder, tmp_path):
    words = (*THREE, folder / "digits.npz", "--fuse", "on")
    plain = ran(app, *words, "--out", "plain")
    masked = ran(app, *words, "--out", "masked", "--secure-sum")
    assert masked["federation"]["secure_sum"]
    assert np.abs(model(tmp_path / "plain") - model(tmp_path / "masked")).max() < 1e-5
    assert plain["federation"]["disclosed"] != masked["federation"]["disclosed"]


def test_settings_of_a_run_repeat_it_with_other_rounds(app, run, folder):
    again = ran(app, "federate", "train-deconv", "--config", run / "config.toml", "--no-pooled", "--plots", "none")
    assert again["metrics"] == json.loads((run / "report.json").read_text())["metrics"]
    short = ran(app, "federate", "train-deconv", "--config", run / "config.toml", "--rounds", 1, "--plots", "none")
    assert short["steps"] == 3


def test_lost_clients_dont_end_the_training(app, folder):
    words = ("federate", "train-deconv", folder / "digits.npz", "--clients", 4, "--no-pooled", *CLASSIFY)
    entry = ran(app, *words, "--client-failures", 0.4, "--algorithm", "fedprox:0.5", "--secure-sum")["federation"]
    assert entry["mu"] == 0.5
    assert sum(client["lost"] for client in entry["clients"]) == sum(len(one["lost"]) for one in entry["rounds"]) > 0


def test_privacy_is_accounted_for(app, folder):
    pytest.importorskip("dp_accounting")
    words = (*THREE, folder / "digits.npz")
    private = ran(app, *words, "--dp-clip", 0.01, "--dp-epsilon", 50)["federation"]["privacy"]
    assert private["epsilon"] == pytest.approx(50, rel=0.03)
    assert private["epsilon"] <= 50
    assert 0 < private["clipped"] <= 1


def test_folders_are_clients(app, folder):
    words = ("--sigma", 25, "--crop", 16, "--batch-size", 2, "--plots", "none", *TINY)
    report = ran(app, "federate", "train-deconv", "--clients", folder / "photos", *words)
    entry = report["federation"]
    assert [client["name"] for client in entry["clients"]] == list(SITES)
    assert [client["rows"] for client in entry["clients"]] == [4, 5]
    assert "pooled" not in entry
    assert report["metrics"]["val"]["psnr"] > 10


def test_files_of_arrays_are_clients(app, folder):
    sites = [folder / "sites" / f"{name}.npz" for name in ("east", "west")]
    report = ran(app, "federate", "train-deconv", *sites, "--clients", "each", *CLASSIFY)
    assert [client["rows"] for client in report["federation"]["clients"]] == [40, 50]


def test_a_run_that_was_stopped_goes_on(app, folder, tmp_path, monkeypatch):
    words = (*THREE, folder / "digits.npz", "--fuse", "on")
    ran(app, *words, "--out", "whole")
    from dlcli.networks.federated.solver import FederatedSolver

    ends = FederatedSolver._end

    def stopping(self, round, found):
        if round.number == 1:
            raise KeyboardInterrupt
        ends(self, round, found)

    monkeypatch.setattr(FederatedSolver, "_end", stopping)
    assert app(*words, "--out", "cut")[0] == 130
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    code, _, err = app("federate", "train-deconv", "--resume", "cut", "--rounds", 9)
    assert code == 2
    assert "--rounds can't change with --resume" in err
    resumed = ran(app, "federate", "train-deconv", "--resume", "cut")
    assert len(resumed["federation"]["rounds"]) == 3
    assert np.array_equal(model(tmp_path / "whole"), model(tmp_path / "cut"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("digits.npz", "--clients", 200), "--clients 200"),
        (("digits.npz", "--clients", 1), "at least 2 clients"),
        (("digits.npz", "--epochs", 3), "--epochs isn't there for clients: give --rounds and --local-steps"),
        (("digits.npz", "--steps", 30), "--steps 30 isn't there for clients"),
        (("digits.npz", "--algorithm", "exact"), "networks take fedavg or fedprox"),
        (("digits.npz", "--algorithm", "fedsgd"), "fedprox[:MU]"),
        (("digits.npz", "--partition", "dirichlet:-1"), "dirichlet:ALPHA"),
        (("digits.npz", "--dp-noise", 1), "--dp-clip"),
        (("digits.npz", "--dp-clip", 1), "--dp-noise"),
        (("digits.npz", "--class-weight", "balanced"), "--class-weight isn't there"),
        (("digits.npz", "--schedule", "polyak"), "looks at gradients"),
        (("digits.npz", "--ema", 0.9), "--ema isn't there"),
        (("digits.npz", "--fuse", "on", "--dropout", 0.1), "--dropout 0"),
        (("digits.npz", "--clients", "each"), "at least 2 clients"),
        (("--clients", "nowhere"), "nowhere"),
        (("--clients", "sites/east.npz,sites"), "no client's folder|sites"),
        (("digits.npz", "--clients", 45, "--partition", "dirichlet:0.01"), "no image to train on"),
    ],
)
def test_what_cant_be_is_refused_in_a_line(app, folder, monkeypatch, words, told):
    monkeypatch.chdir(folder)
    code, _, err = app("federate", "train-deconv", *words, *CLASSIFY)
    assert code == 2, err
    assert len(err.strip().splitlines()[-1:]) == 1
    assert any(part in err for part in told.split("|")), err
    assert "Traceback" not in err
    assert not (folder / "runs").exists()


def test_pairs_are_dealt_out_and_not_each_one_s(app, folder):
    photos = folder / "photos"
    code, _, err = app(
        "federate", "train-deconv", photos / "north", photos / "south", "--clients", "each", "--task", "pairs"
    )
    assert code == 2
    assert "give --clients K" in err
