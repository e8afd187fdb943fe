"""The rounds of an exported app, without an engine: the file of rounds as it is written, dlcli's answers in process."""

import contextlib
import json

import numpy as np
import pytest

from dlcli.cli.app import run
from dlcli.reports.schema import REPORTS
from tests.federated.exported.apps import loaded, write_clients

OTHER = {"y": "k", "k": "y"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rounds")
    write_clients(folder)
    return folder


def exported(folder, name, target, *more):
    """The app's module of rounds, and its folder."""
    words = ["--clients", "a.csv,b.csv", "--target", target, "--drop", OTHER[target], "--export", f"flower:{name}"]
    with contextlib.chdir(folder):
        assert run(["federate", "fit-linear", *words, *more, "--quiet"]) == 0
    return loaded(folder / name / "dlcli_app" / "rounds.py"), folder / name


def trained(rounds, app, monkeypatch, *, most=30, lost=()):
    """The server after its rounds; ``lost`` has the number of a client by the round in which it gives no answer."""
    monkeypatch.setattr(rounds, "run", in_process)
    server = rounds.Server(app / "start", app / "result")
    clients = json.loads((app / "clients.json").read_text())
    for number in range(1, most + 1):
        asked = {name: server.asked(number)[name] for name in ("description", "settings", "plan", "seed")}
        there = [i for i in range(len(clients)) if (number, i) not in lost]
        answers = [rounds.answer(server.arrays, asked, clients[i]["data"]) for i in there]
        total = sum(weight for _, weight, _ in answers)
        mean = {n: sum(w * found[n] for found, w, _ in answers) / total for n in answers[0][0]} if answers else None
        metrics = {n: sum(w * m[n] for _, w, m in answers) / total for n in answers[0][2]} if answers else {}
        gone = [str(i) for i in range(len(clients)) if i not in there]
        server.advance(mean, metrics, [str(i) for i in there], gone)
        if server.finished or mean is None:
            break
    return server


def in_process(arguments, folder):
    """In place of a program."""
    import io

    out = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out):
        assert run(arguments) == 0
    return json.loads(out.getvalue())


@pytest.mark.parametrize("target", ["y", "k"])
def test_sums_give_the_model_of_all_rows(folder, monkeypatch, target):
    rounds, app = exported(folder, f"exact-{target}", target)
    server = trained(rounds, app, monkeypatch)
    assert server.status == "converged"
    assert len(server.rounds) == (2 if target == "y" else len(server.rounds))
    with contextlib.chdir(folder):
        words = ["a.csv", "b.csv", "--target", target, "--drop", OTHER[target]]
        pooled = in_process(["fit-linear", *words, "--out", f"pooled-{target}", "--json", "--quiet"], folder)
    report = json.loads((app / "result" / "report.json").read_text())
    assert list(report["coefficients"]) == list(pooled["coefficients"])
    for name, entry in pooled["coefficients"].items():
        assert report["coefficients"][name]["value"] == pytest.approx(entry["value"], rel=1e-8, abs=1e-9)
    assert report["metrics"]["train"]["loss"] == pytest.approx(pooled["metrics"]["train"]["loss"], rel=1e-10)


def test_what_comes_out_is_a_run(folder, monkeypatch, capsys):
    rounds, app = exported(folder, "run", "y", "--weights", "b")
    trained(rounds, app, monkeypatch)
    report = REPORTS.validate_json((app / "result" / "report.json").read_bytes())
    assert (report.status, report.steps) == ("converged", 2)
    assert run(["eval", str(app / "result"), str(folder / "b.csv"), "--check", "r2>=0.5", "--quiet"]) == 0
    out = folder / "predictions.csv"
    assert run(["predict", str(app / "result"), str(folder / "b.csv"), "--out", str(out), "--quiet"]) == 0
    assert len(out.read_text().splitlines()) == 51
    with contextlib.chdir(app):
        assert run(["eval", "result", "--quiet"]) == 0  # the paths of its settings lead to the clients' files
        assert run(["runs", "."]) == 0
    assert "killed" not in capsys.readouterr().out


def test_averages_of_local_steps_near_the_model_of_all_rows(folder, monkeypatch):
    words = ("--algorithm", "fedavg", "--rounds", "40", "--local-steps", "2")
    rounds, app = exported(folder, "fedavg", "k", *words)
    server = trained(rounds, app, monkeypatch, most=40)
    exact, there = exported(folder, "fedavg-exact", "k")
    best = trained(exact, there, monkeypatch)
    losses = [one["loss"] for one in server.rounds]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] - best.rounds[-1]["loss"] < 1e-3 * (losses[0] - losses[-1])
    assert server.status == "finished"
    assert (
        json.loads((app / "result" / "report.json").read_text())["metrics"] == {}
    )  # of the last model nobody knows it


def test_a_client_that_is_gone_is_named_and_the_others_go_on(folder, monkeypatch):
    rounds, app = exported(folder, "lost", "k")
    server = trained(rounds, app, monkeypatch, lost={(number, 1) for number in range(2, 40)})
    assert server.status == "converged"
    assert "in the last round without 1, whose rows" in server.reason
    assert [one["lost"] for one in server.rounds[:2]] == [[], ["1"]]
    with contextlib.chdir(folder):
        alone = in_process(["fit-linear", "a.csv", "--target", "k", "--drop", "y", "--json", "--out", "alone"], folder)
    report = json.loads((app / "result" / "report.json").read_text())
    assert report["coefficients"]["a"]["value"] == pytest.approx(alone["coefficients"]["a"]["value"], rel=1e-6)


def test_without_an_answer_the_model_stays_and_the_training_says_so(folder, monkeypatch):
    rounds, app = exported(folder, "silent", "y")
    server = trained(rounds, app, monkeypatch, lost={(1, 0), (1, 1)})
    assert (server.status, server.reason) == ("stopped", "no client answered in round 1")
    assert not server.arrays["coefficients"].any()


def test_a_step_that_raises_the_loss_is_halved(folder):
    rounds, app = exported(folder, "halved", "y")
    server = rounds.Server(app / "start", app / "result")
    size = len(server.arrays["coefficients"]) + 1
    mean = {"gradient": np.ones((size, 1)), "hessian": np.eye(size)}
    start = server._theta()
    server.advance(mean, {"loss": 1.0, "value": 1.0}, ["0"], [])
    np.testing.assert_allclose(server._theta() - start, -1.0)
    server.advance(mean, {"loss": 3.0, "value": 3.0}, ["0"], [])
    np.testing.assert_allclose(server._theta() - start, -0.5)


def test_what_dlcli_refuses_is_told_in_its_words(folder):
    rounds, app = exported(folder, "refused", "y")
    with pytest.raises(RuntimeError, match="cannot run"):
        refused_by("/nowhere/dlcli", rounds, app)


def refused_by(program, rounds, app):
    server = rounds.Server(app / "start", app / "result")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DLCLI", program)
        rounds.answer(server.arrays, server.asked(1), ["x.csv"])
