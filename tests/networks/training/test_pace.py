"""How deep a network is goes by the steps that there is time for, not by the clock alone."""

from dataclasses import replace

import pytest
import torch

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.networks.data.facts import ImageFacts
from dlcli.networks.training import pace
from dlcli.networks.training.plan import make_plan
from dlcli.networks.training.presets import FAST, LONGER_DEPTH

FACTS = ImageFacts(inputs=1, channels=1, classes=0, count=8, side=48)


def planned(**given):
    config = TrainDeconvConfig(crop=32, **given)
    return config, make_plan(config, FACTS, "cpu")


@pytest.mark.parametrize(("step", "depth"), [(0.1, LONGER_DEPTH), (0.4, FAST.depth)])
@pytest.mark.parametrize("minutes", [2, 4])
def test_depth_goes_by_the_steps_that_there_is_time_for(monkeypatch, step, depth, minutes):
    monkeypatch.setattr(pace, "step_seconds", lambda plan: step * minutes / 2)
    config, plan = planned(minutes=minutes)
    assert pace.depth_is_open(config, plan)
    chosen, steps = pace.paced(plan)
    assert chosen.spec.depth == depth
    assert steps == (300 if depth == FAST.depth else pytest.approx(1200 * 4 / 8, rel=0.2))
    assert replace(chosen, spec=replace(chosen.spec, depth=plan.spec.depth)) == plan


@pytest.mark.parametrize(
    "given", [{"minutes": 4, "depth": 4}, {"minutes": 0.5}, {"steps": 10}, {"minutes": 9, "arch": "article"}]
)
def test_what_is_said_or_short_is_not_timed(given):
    assert not pace.depth_is_open(*planned(**given))


def test_steps_are_timed_and_leave_nothing():
    _, plan = planned(minutes=2, filters="8", batch_size=2)
    before = torch.get_rng_state()
    assert 0 < pace.step_seconds(plan) < 60
    assert torch.equal(before, torch.get_rng_state())


def test_too_few_steps_are_told_of_with_what_helps():
    assert pace.few_steps(100, 60) is None
    text = pace.few_steps(30, 120)
    assert text.startswith("about 30 steps fit into 2 minutes")
    assert "--minutes" in text
