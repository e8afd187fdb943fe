"""Mini-batches on the device that has the rows, here the CPU: the steps of NumPy, and nothing read in between."""

import numpy as np
import pytest

from dlcli.engine.schedules.base import ScheduleSettings
from dlcli.engine.schedules.by_name import make_schedule
from dlcli.linear.objectives.glm_torch import TorchObjective
from dlcli.linear.objectives.make import make_objective
from dlcli.linear.objectives.penalty import WeightedPenalty
from dlcli.linear.solvers.descent import MiniBatch, MiniBatchSettings
from dlcli.linear.solvers.descent_on_device import DeviceMiniBatch
from dlcli.linear.solvers.momentum import Momentum
from tests.networks.waiting import no_waiting

NO_L1 = WeightedPenalty(0.0, 0.1, np.array([0.0, 1, 1, 2]))
BOTH = WeightedPenalty(0.05, 0.1, np.array([0.0, 1, 1, 2]))


def rows(kind, n=500):
    random = np.random.default_rng(0)
    Z = np.column_stack([np.ones(n), random.normal(size=(n, 3))])
    y = {"mse": random.normal(size=n), "logistic": random.integers(0, 2, n), "softmax": random.integers(0, 3, n)}[kind]
    return Z, y.astype(float), kind, 3 if kind == "softmax" else 1


def solvers(kind="logistic", penalty=BOTH, *, schedule="exponential", dropout=0.0, **options):
    made = rows(kind)
    batches = MiniBatchSettings(64, dropout, 1)
    settings = ScheduleSettings(name=schedule, total_steps=60)
    there = TorchObjective(*made, penalty, device="cpu")
    return (
        DeviceMiniBatch(there, make_schedule(settings, 0.1), batches, **options),
        MiniBatch(make_objective(*made, penalty), make_schedule(settings, 0.1), batches, **options),
    )


@pytest.mark.parametrize("kind", ["mse", "logistic", "softmax"])
@pytest.mark.parametrize(
    "options",
    [
        {}, {"penalty": NO_L1, "dropout": 0.3}, {"momentum": Momentum(0.9, False)}, {"momentum": Momentum(0.9, True)},
        {"adam": True}, {"adam": True, "penalty": NO_L1}, {"schedule": "hypergradient"},
    ],
    ids=str,
)  # fmt: skip
def test_the_steps_are_those_of_numpy(kind, options):
    """Over several epochs, and in several slices of time."""
    ours, theirs = solvers(kind, **options)
    for until in (7, 30, 60):
        ours.advance(until, float("inf"))
        theirs.advance(until, float("inf"))
        np.testing.assert_allclose(ours.parameters(), theirs.parameters(), rtol=1e-10, atol=1e-13)
        assert np.array_equal(ours.parameters() == 0, theirs.parameters() == 0)
        assert (ours.step, ours.lr) == (theirs.step, pytest.approx(theirs.lr, rel=1e-9))
    assert ours.objective() == pytest.approx(theirs.objective(), rel=1e-11)
    ours.advance(70, 0.0)
    assert ours.step == 60


@pytest.mark.parametrize("kind", ["mse", "logistic", "softmax"])
@pytest.mark.parametrize("adam", [True, False])
def test_no_step_is_waited_for(kind, adam, monkeypatch):
    """But for what they came to, in the end."""
    solver, _ = solvers(kind, adam=adam, dropout=0.2)
    read = []
    monkeypatch.setattr("dlcli.linear.solvers.descent_on_device.to_numpy", read.append)
    with no_waiting():
        solver.advance(20, float("inf"))
    assert [tuple(tensor.shape) for tensor in read] == [solver.there.shape] * 3
