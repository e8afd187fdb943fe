"""Exported apps of networks: what clients begin with, a round of training, and what comes out."""

import contextlib
import json

import numpy as np
import pytest
from PIL import Image

from dlcli.cli.app import run
from dlcli.networks.model.saved import SavedNetwork
from dlcli.reports.schema import REPORTS
from tests.federated.exported.apps import loaded
from tests.federated.exported.test_rounds import in_process, trained

TINY = ["--arch", "article", "--filters", "4", "--crop", "16", "--batch-size", "2", "--sigma", "20"]


def write_images(folder, count, seed):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for number in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (5, 5), dtype=np.uint8))
        coarse.resize((32, 32), Image.Resampling.BICUBIC).save(folder / f"{number}.png")


@pytest.fixture
def folder(tmp_path):
    for name, count in (("north", 4), ("south", 2)):
        write_images(tmp_path / "sites" / name, count, count)
    with contextlib.chdir(tmp_path):
        yield tmp_path


@pytest.mark.filterwarnings("ignore")  # as the program does
def test_a_round_is_the_mean_of_the_networks_that_clients_train(folder, monkeypatch, capsys):
    words = ["--clients", "sites", *TINY, "--rounds", "1", "--local-steps", "2", "--export", "flower:app", "--json"]
    assert run(["federate", "train-deconv", *words]) == 0
    report = REPORTS.validate_json(capsys.readouterr().out)
    assert (report.algorithm, report.local_steps, [one.name for one in report.clients]) == (
        "fedavg", 2, ["north", "south"]
    )  # fmt: skip
    rounds, app = loaded(folder / "app" / "dlcli_app" / "rounds.py"), folder / "app"
    commands = []

    def remembered(arguments, place):
        commands.append(arguments)
        return in_process(arguments, place)

    first = rounds.Server(app / "start", folder / "unused").arrays
    monkeypatch.setattr("tests.federated.exported.test_rounds.in_process", remembered)
    server = trained(rounds, app, monkeypatch, most=1)
    assert [words[words.index("--seed") + 1] for words in commands] == ["1", "1"]
    assert server.status == "finished"
    name = "weight.convolutions.0.weight"
    assert np.abs(server.arrays[name] - first[name]).max() > 0
    network = SavedNetwork.load(app / "result" / "model.safetensors")
    np.testing.assert_array_equal(network.state[name.removeprefix("weight.")].numpy(), server.arrays[name])
    told = REPORTS.validate_json((app / "result" / "report.json").read_bytes())
    assert (told.command, told.steps, told.metrics) == ("train-deconv", 2, {})
    assert run(["eval", "app/result", "sites/south", "--quiet"]) == 0


def test_images_of_another_network_are_refused_by_the_client(folder, monkeypatch, capsys):
    words = ["--clients", "sites", *TINY, "--rounds", "1", "--local-steps", "1", "--export", "nvflare:app", "--quiet"]
    assert run(["federate", "train-deconv", *words]) == 0
    rounds = loaded(folder / "app" / "job" / "app" / "custom" / "rounds.py")
    monkeypatch.setattr(rounds, "run", in_process)
    server = rounds.Server(folder / "app" / "start", folder / "result")
    described = json.loads(server.description)
    described["spec"]["kernel"] = 99
    asked = server.asked(1) | {"description": json.dumps(described)}
    monkeypatch.setattr(rounds, "write_model", lambda path, arrays, _: original(path, arrays, server.description))
    with pytest.raises(RuntimeError, match="they differ in spec"):
        rounds.answer(server.arrays, asked, ["sites/south"])


def original(path, arrays, description):
    from safetensors.numpy import save_file

    save_file(arrays, path, {"dlcli": description})


def test_clients_without_a_class_are_refused(folder, capsys):
    for site, classes in (("one", "ab"), ("two", "a")):
        for name in classes:
            write_images(folder / "digits" / site / name, 3, 1)
    words = ["--task", "classify", "--clients", "digits", "--filters", "4", "--export", "flower:app", "--quiet"]
    assert run(["federate", "train-deconv", *words]) == 2
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1
    assert "two" in told
    assert not (folder / "app").exists()


REFUSED = {
    "fedprox": (["--algorithm", "fedprox:0.1"], "takes plain steps"),
    "a schedule": (["--schedule", "cosine"], "constant rate"),
    "validation": (["--val", "0.2"], "constant rate"),
    "measured noise": (["--noise", "auto:sites/north"], "each client would find another"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_clients_cannot_have_alike_is_refused(folder, capsys, what):
    words, told = REFUSED[what]
    assert run(["federate", "train-deconv", "--clients", "sites", *words, "--export", "flower:app", "--quiet"]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert told in err
