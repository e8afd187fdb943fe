"""What a client answers: means over clients are those of the pooled rows, whatever a client lacks."""

import json
from pathlib import Path

import numpy as np
import pytest

from dlcli.cli.app import run
from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.progress import Silent
from dlcli.errors import DlcliError
from dlcli.federated.exported.answer import Agreed, ClientRows
from dlcli.federated.exported.begin_linear import first_model

ROWS = 60


def table(path, rows):
    path.write_text("\n".join(["a,b,color,y,k", *(",".join(map(str, row)) for row in rows)]) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    """Two files; the second has no blue, which is the reference level, no class c, and a b that is constant."""
    folder, rng = tmp_path_factory.mktemp("clients"), np.random.default_rng(0)
    rows = []
    for i in range(ROWS):
        first = i < 25
        a, b = rng.normal() * 3, rng.normal() + 40 if first else 41.5
        color = rng.choice(["blue", "green", "red"] if first else ["green", "red"])
        k = rng.choice(["a", "b", "c"] if first else ["a", "b"])
        rows.append((a, b, color, 2 * a - b + rng.normal(), k))
    return table(folder / "one.csv", rows[:25]), table(folder / "two.csv", rows[25:])


def begun(clients, folder, target):
    drop = "k" if target == "y" else "y"
    first = first_model(FitLinearConfig(data=clients, target=target, drop=(drop,)), Silent())
    (folder / "model.safetensors").write_bytes(first.model.to_bytes())
    (folder / "config.toml").write_text(first.config.to_toml(folder))
    return first.model


def moved(model, theta):
    """The model at random parameters, so that nothing is 0 by chance."""
    return Agreed.of(model).into(model, theta)


@pytest.mark.parametrize("target", ["y", "k"])
def test_the_weighted_mean_of_sums_is_that_of_all_rows(clients, tmp_path, target):
    model = begun(clients, tmp_path, target)
    theta = np.random.default_rng(1).normal(size=Agreed.of(model).theta(model).shape)
    (tmp_path / "model.safetensors").write_bytes(moved(model, theta).to_bytes())
    apart = [ClientRows.read(tmp_path, (data,), Silent()).answer(0, None) for data in clients]
    pooled = ClientRows.read(tmp_path, clients, Silent()).answer(0, None)
    weights = np.array([one.weight for one in apart])
    assert weights.tolist() == [25, 35]
    for name in ("gradient", "hessian"):
        mean = sum(one.weight * one.tensors[name] for one in apart) / weights.sum()
        np.testing.assert_allclose(mean, pooled.tensors[name], atol=1e-12)
    assert weights @ [one.loss for one in apart] / weights.sum() == pytest.approx(pooled.loss, abs=1e-12)


def test_sums_of_least_squares_are_those_of_the_textbook(clients, tmp_path):
    model = begun(clients, tmp_path, "y")
    rows = [line.split(",") for data in clients for line in Path(data).read_text().splitlines()[1:]]
    X = np.array([[float(r[0]), float(r[1]), r[2] == "green", r[2] == "red"] for r in rows], dtype=float)
    y = np.array([float(r[3]) for r in rows])
    Z = np.column_stack([np.ones(len(X)), (X - X.mean(axis=0)) / X.std(axis=0)])
    found = ClientRows.read(tmp_path, clients, Silent()).answer(0, None)
    np.testing.assert_allclose(found.tensors["gradient"][:, 0], -Z.T @ y / len(y), atol=1e-12)
    np.testing.assert_allclose(found.tensors["hessian"], Z.T @ Z / len(y), atol=1e-12)
    local = ClientRows.read(tmp_path, clients, Silent()).answer(3, 0.1, mu=0.5)
    theta = np.zeros(5)
    for _ in range(3):
        theta = theta - 0.1 * (Z.T @ (Z @ theta - y) / len(y) + 0.5 * theta)
    np.testing.assert_allclose(Agreed.of(model).theta(local.model)[:, 0], theta, atol=1e-12)


def test_steps_beyond_the_largest_stable_rate_diverge_and_half_of_it_do_not(clients, tmp_path):
    begun(clients, tmp_path, "y")
    rows = ClientRows.read(tmp_path, clients[:1], Silent())
    before = rows.answer(0, None).loss
    assert rows.answer(50, None).model is not None
    with pytest.raises(DlcliError, match="diverge"):
        rows.answer(20_000, 1.05 * rows.stable)
    slow = rows.answer(200, 0.99 * rows.stable).model
    (tmp_path / "model.safetensors").write_bytes(slow.to_bytes())
    assert ClientRows.read(tmp_path, clients[:1], Silent()).answer(0, None).loss < before


BAD = {
    "without rows": ("a,b,color,y,k\n", "no rows of data"),
    "without a column": ("a,color,y,k\n1,red,2,a\n", "lacks the model's column b"),
    "of a new level": ("a,b,color,y,k\n1,2,mauve,2,a\n", "mauve"),
}


@pytest.mark.parametrize("what", BAD)
def test_rows_that_do_not_fit_are_refused_in_one_line(clients, tmp_path, capsys, what):
    begun(clients, tmp_path, "y")
    (tmp_path / "bad.csv").write_text(BAD[what][0])
    assert run(["federate", "client", str(tmp_path / "bad.csv"), "--init", str(tmp_path), "--quiet"]) == 2
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1
    assert BAD[what][1] in told


def test_the_command_writes_what_its_report_says(clients, tmp_path, capsys):
    begun(clients, tmp_path, "k")
    out = tmp_path / "answer.safetensors"
    words = ["federate", "client", clients[1], "--init", str(tmp_path), "--out", str(out), "--json", "--quiet"]
    assert run(words) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["rows"], report["weight"], report["steps"]) == (35, 35.0, 0)
    assert report["loss"] == pytest.approx(np.log(3))  # of three classes at 0
    assert out.is_file()


def test_another_model_is_refused(tmp_path, capsys):
    words = ["fit-linear", "--steps", "1", "--out", str(tmp_path / "run"), "--plots", "none", "--quiet"]
    assert run(words) == 0
    (tmp_path / "x.csv").write_text("x,y\n1,2\n2,3\n")
    assert run(["federate", "client", str(tmp_path / "x.csv"), "--init", str(tmp_path / "run")]) == 2
    assert "doesn't say which units" in capsys.readouterr().err
