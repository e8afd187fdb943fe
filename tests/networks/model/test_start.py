"""Networks that start from another one's weights."""

import json

import pytest
import torch

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.errors import DlcliError
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.saved import SavedNetwork
from dlcli.networks.model.start import Start
from dlcli.tasks.train_deconv import train_deconv

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = {
    "filters": "8", "depth": 1, "generated": 3, "device": "cpu", "amp": "off", "batch_size": 2, "crop": 32, "steps": 6,
    "report_every": 3, "plots": "none",
}  # fmt: skip


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A run of a small network."""
    folder = tmp_path_factory.mktemp("first") / "run"
    train_deconv(TrainDeconvConfig.build({"out": folder, **SMALL}))
    return folder


def begun(first, tmp_path, **given):
    """The report and the records of a run that starts from ``first``."""
    folder = tmp_path / "run"
    settings = {name: value for name, value in SMALL.items() if name not in ("filters", "depth")}
    report = train_deconv(TrainDeconvConfig.build({"out": folder, "init": first, **settings, **given}))
    return report, [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()], folder


def test_a_run_begins_where_the_other_ended(first, tmp_path):
    ended = json.loads((first / "metrics.jsonl").read_text().splitlines()[-1])
    _, records, folder = begun(first, tmp_path)
    assert records[0]["val_loss"] == pytest.approx(ended["val_loss"], rel=1e-5)
    assert 'filters = "8"' in (folder / "config.toml").read_text()  # the shape comes with the weights


def test_a_noise_map_changes_nothing_at_first(first, tmp_path):
    _, records, _ = begun(first, tmp_path, noise_map=True, sigma="25")
    ended = json.loads((first / "metrics.jsonl").read_text().splitlines()[-1])
    # Flat images are made flat at every level of noise then, which changes the last layer by as little as may be.
    assert records[0]["psnr"] == pytest.approx(ended["psnr"], abs=0.02)


def test_what_is_told_of_noise_comes_with_the_network(first, tmp_path):
    told, _, folder = begun(first, tmp_path / "told", noise_map=True, sigma="0:50")
    again, _, _ = begun(folder, tmp_path / "again")
    saved = SavedNetwork.load(tmp_path / "again" / "run" / "model.safetensors")
    assert saved.task["noise_map"]
    assert saved.task["sigma"] == [0.0, 50.0]
    assert again.weights == told.weights


def test_layers_of_other_channels_begin_anew(first):
    start = Start.of(first, 1)
    spec = start.saved.spec
    network = DeconvNet(type(spec)(**vars(spec) | {"input_channels": 3, "output_channels": 3}))
    before = network.convolutions[0].weight.clone()
    text = start.into(network)
    assert "2 of 4 layers; convolutions.0, deconvolutions.0 begin anew" in text.replace(" and ", ", ")
    assert torch.equal(network.convolutions[0].weight, before)
    assert torch.equal(network.encoder_blocks[0][0].first.weight, start.saved.state["encoder_blocks.0.0.first.weight"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"init": "nothing"}, "--init: there is no run directory nothing"),
        ({"init": "bundled:nothing"}, "--init: there is no bundled:nothing"),
        ({"init": "here", "filters": "12", "kernel": 5}, "none of its layers has the shape of one here"),
    ],
)
def test_refusals(first, tmp_path, given, said):
    given = {name: first if value == "here" else value for name, value in given.items()}
    with pytest.raises(DlcliError, match=said):
        train_deconv(TrainDeconvConfig.build({"out": tmp_path / "out", **SMALL, **given}))
