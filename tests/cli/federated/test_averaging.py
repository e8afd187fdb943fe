"""``dlcli federate fit-linear --algorithm fedavg|fedprox``: rounds of local steps, clients that fail, noise."""

import json

import numpy as np
import polars as pl
import pytest


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Two classes, a target of numbers, and columns that tell them."""
    folder, rng = tmp_path_factory.mktemp("averaging"), np.random.default_rng(8)
    n = 240
    a, b = rng.normal(5, 2, n), rng.normal(size=n)
    kind = np.where(a - 5 + b + rng.normal(size=n) > 0, "yes", "no")
    frame = pl.DataFrame({"a": a, "b": b, "y": 2 * a - b + rng.normal(size=n), "kind": kind})
    frame.drop("kind").write_csv(folder / "y.csv")
    frame.drop("y").write_csv(folder / "kind.csv")
    return folder


def ran(app, *words, charts=False):
    code, out, err = app(*words, "--json", "--quiet", charts=charts)
    assert code == 0, err
    return json.loads(out)


def values(report):
    return [one["value"] for one in report["coefficients"].values()]


@pytest.mark.parametrize("target", ["y", "kind"])
@pytest.mark.parametrize("more", [[], ["--secure-sum"]])
def test_one_local_step_of_all_clients_is_a_step_on_all_rows(app, table, target, more):
    rate = ["--lr", "0.3", "--l2", "0.01"]
    words = [table / f"{target}.csv", "--target", target]
    pooled = ran(app, "fit-linear", *words, "--optimizer", "gd", "--steps", "7", *rate)
    found = ran(
        app, "federate", "fit-linear", *words, "--algorithm", "fedavg", "--clients", "6", "--rounds", "7",
        "--local-steps", "1", "--partition", "dirichlet:0.2", *rate, *more,
    )  # fmt: skip
    assert values(found) == pytest.approx(values(pooled), rel=1e-11)
    assert (found["optimizer"], found["steps"]) == ("fedavg", 7)
    assert len(found["federation"]["rounds"]) == 7


def test_fedprox_keeps_clients_nearer_to_the_global_model(app, table):
    words = [
        table / "kind.csv", "--target", "kind", "--rounds", "3", "--local-steps", "40", "--partition", "dirichlet:0.1",
        "--clients", "4", "--lr", "0.1",
    ]  # fmt: skip
    avg, prox = (ran(app, "federate", "fit-linear", *words, "--algorithm", how) for how in ("fedavg", "fedprox:5"))
    assert prox["federation"]["mu"] == 5
    assert np.linalg.norm(values(prox)[1:]) < np.linalg.norm(values(avg)[1:])
    assert prox["federation"]["rounds"][-1]["loss"] < prox["federation"]["rounds"][0]["loss"]


def test_training_goes_on_without_clients_that_fail(app, table):
    words = [
        table / "kind.csv", "--target", "kind", "--algorithm", "fedavg", "--clients", "5", "--client-failures", "0.4",
        "--fraction", "0.8", "--val", "0.2",
    ]  # fmt: skip
    plain, masked = (
        ran(app, "federate", "fit-linear", *words),
        ran(app, "federate", "fit-linear", *words, "--secure-sum"),
    )
    rounds = plain["federation"]["rounds"]
    assert [len(one["asked"]) for one in rounds] == [4] * 20
    assert 0 < sum(len(one["lost"]) for one in rounds) < 60
    assert rounds[-1]["loss"] < rounds[0]["loss"]
    clients = plain["federation"]["clients"]
    assert sum(c["lost"] for c in clients) == sum(len(one["lost"]) for one in rounds)
    assert sum(c["answered"] + c["lost"] for c in clients) == 80
    assert all("val" in c["metrics"] for c in clients)
    assert values(masked) == pytest.approx(values(plain), rel=1e-10)


def test_sums_go_on_with_the_rows_of_the_clients_that_are_left(app, table, tmp_path):
    frame = pl.read_csv(table / "y.csv")
    for part in range(6):
        frame[part * 40 : (part + 1) * 40].write_csv(tmp_path / f"c{part}.csv")
    names = [tmp_path / f"c{part}.csv" for part in range(6)]
    found = ran(
        app, "federate", "fit-linear", *names, "--clients", "each", "--target", "y", "--client-failures", "0.6",
        "--seed", "3",
    )  # fmt: skip
    left = [name for name, c in zip(names, found["federation"]["clients"], strict=True) if not c["left_out"]]
    assert 2 <= len(left) < 6
    pooled = ran(app, "fit-linear", *left, "--target", "y")
    assert values(found) == pytest.approx(values(pooled), rel=1e-12)
    assert found["rows"] == pooled["rows"] == 40 * len(left)
    assert any("gave no answer" in line for line in found["warnings"])


def test_too_many_lost_clients_end_it(app, table):
    code, out, err = app("federate", "fit-linear", table / "y.csv", "--target", "y", "--client-failures", "0.99")
    assert (code, out) == (4, "")
    assert "too many clients gave no answer" in err.splitlines()[-1]


def test_noise_hides_clients_for_the_epsilon_that_was_asked_for(app, table):
    pytest.importorskip("dp_accounting")
    words = [
        table / "kind.csv",
        "--target",
        "kind",
        "--clients",
        "12",
        "--rounds",
        "4",
        "--dp-clip",
        "0.5",
        "--dp-epsilon",
        "3",
    ]
    found = ran(app, "federate", "fit-linear", *words)
    privacy = found["federation"]["privacy"]
    assert found["federation"]["algorithm"] == "fedavg"
    assert 2.8 < privacy["epsilon"] <= 3
    assert (privacy["unit"], privacy["clip"], found["std_error_reason"]) == (
        "client",
        0.5,
        "noise was added to every round",
    )
    masked = ran(app, "federate", "fit-linear", *words, "--secure-sum")
    assert values(masked) == pytest.approx(values(found), rel=1e-10)
    other = ran(app, "federate", "fit-linear", *words, "--seed", "1", "--data-seed", "0")
    assert np.abs(np.subtract(values(other), values(found))).max() > 0.01


def test_pooled_training_is_drawn_beside_it(app, table, tmp_path):
    words = ["--rounds", "3", "--algorithm", "fedavg", "--pooled", "--val", "0.2", "--out", "run"]
    found = ran(app, "federate", "fit-linear", table / "kind.csv", "--target", "kind", *words, charts=True)
    pooled = ran(app, "fit-linear", table / "kind.csv", "--target", "kind", "--val", "0.2")
    assert found["federation"]["pooled"]["metrics"] == pooled["metrics"]
    assert (tmp_path / "run" / "plots" / "federated.png").stat().st_size > 10_000
    exact = ran(app, "federate", "fit-linear", table / "kind.csv", "--target", "kind", "--pooled")
    assert exact["federation"]["pooled"]["difference"] < 1e-8


def test_a_rate_too_large_ends_as_divergence(app, table):
    code, out, err = app(
        "federate", "fit-linear", table / "y.csv", "--target", "y", "--algorithm", "fedavg", "--lr", "50",
        "--local-steps", "300",
    )  # fmt: skip
    assert (code, out) == (4, "")
    assert "diverged" in err.splitlines()[-1]
