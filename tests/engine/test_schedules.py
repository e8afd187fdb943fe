"""one-cycle, and rates by the time that is over; the other formulas are in test_descent.py."""

import math

import numpy as np
import pytest

from dlcli.engine.schedules.base import ScheduleSettings
from dlcli.engine.schedules.by_name import SCHEDULES, make_schedule, schedule_class
from dlcli.engine.schedules.open_loop import Annealed

ANNEALED = [name for name, schedule in SCHEDULES.items() if issubclass(schedule, Annealed)]


def schedule(name, steps=200, lr=2.0, **constants):
    return make_schedule(ScheduleSettings(name=name, total_steps=steps, **constants), lr)


def test_one_cycle_by_its_numbers():
    rates = schedule("one_cycle").rates(0, 300) / 2.0
    assert rates[[0, 15, 30, 45, 60]] == pytest.approx([0.04, 0.28, 0.52, 0.76, 1.0], abs=1e-12)
    down = 0.5 * (1 + np.cos(np.pi * (np.arange(60, 201) - 60) / 140))
    np.testing.assert_allclose(rates[60:201], down, atol=1e-12)
    assert rates[130] == pytest.approx(0.5)
    assert np.all(np.abs(rates[200:]) < 1e-15)
    assert np.all(np.diff(rates[:61]) > 0)
    assert np.all(np.diff(rates[60:201]) < 0)


@pytest.mark.parametrize("name", ANNEALED)
def test_the_rate_at_a_fraction_is_that_of_its_step(name):
    bound = schedule(name, decay_power=1.5)
    rates = bound.rates(0, 201)
    for step in range(0, 201, 20):
        assert bound.rate_at(step / 200) == pytest.approx(rates[step], abs=1e-12)
    # Between steps too, and whatever number of steps is assumed.
    other = schedule(name, steps=10_000, decay_power=1.5)
    for fraction in (0.0, 0.1234, 0.5, 0.987, 1.0):
        assert bound.rate_at(fraction) == pytest.approx(other.rate_at(fraction), abs=1e-12)
    assert bound.rate_at(1.0) == pytest.approx(0.0, abs=1e-15)


def test_polynomial_and_cosine_at_a_fraction():
    assert schedule("polynomial", decay_power=2.0).rate_at(0.25) == pytest.approx(2 * 0.75**2)
    assert schedule("cosine").rate_at(0.25) == pytest.approx(1 + math.cos(math.pi / 4))


def test_what_a_schedule_remembers_is_given_back():
    first, second = (schedule("plateau", plateau_patience=1, decay_factor=0.5) for _ in range(2))
    for loss in (1.0, 2.0, 3.0):
        first.step(loss)
    second.load_state_dict(first.state_dict())
    for bound in (first, second):
        bound.step(0.9)
        bound.step(0.95)
    assert first.state_dict() == second.state_dict()
    assert first.state_dict()["rate"] == 0.25


def test_each_schedule_says_what_it_needs():
    said = {name: (made.needs_gradient, made.needs_objective, made.listens) for name, made in SCHEDULES.items()}
    assert {name for name, needs in said.items() if needs[0]} == {
        "adagrad", "hypergradient", "polyak", "barzilai_borwein"
    }  # fmt: skip
    assert {name for name, needs in said.items() if needs[1]} == {"polyak"}
    assert {name for name, needs in said.items() if needs[2]} == {"plateau"}
    assert schedule_class("one-cycle") is SCHEDULES["one_cycle"]
    assert ANNEALED == ["polynomial", "cosine", "one_cycle"]


@pytest.mark.parametrize("name", ["adagrad", "hypergradient", "barzilai_borwein", "plateau"])
def test_the_state_of_another_schedule_is_refused(name):
    with pytest.raises(KeyError):
        schedule(name).load_state_dict(schedule("constant").state_dict())
    with pytest.raises(ValueError, match="no "):
        schedule(name).load_state_dict(dict.fromkeys(schedule(name).state_dict(), "text"))


def rates_of(name, steps, upto=None):
    made = schedule(name, steps, lr=1.0)
    return np.array([made.rate(step) for step in range(steps if upto is None else upto)])


@pytest.mark.parametrize("name", ANNEALED)
@pytest.mark.parametrize(("begun", "was", "becomes"), [(150, 150, 300), (200, 200, 250), (90, 200, 400), (60, 60, 600)])
def test_a_longer_run_has_the_sum_of_rates_of_one_run_or_its_highest_rate(name, begun, was, becomes):
    first = rates_of(name, was, begun)
    factor = schedule(name, becomes).making_up(begun / becomes, float(first.mean()))
    rest = factor * rates_of(name, becomes)[begun:]
    whole = rates_of(name, becomes).sum()
    assert factor >= 1
    assert rest.max() <= 1 + 1e-9
    total = first.sum() + rest.sum()
    held_back, ahead = rest.max() > 1 - 1e-9, factor == 1
    assert total == pytest.approx(whole) or (held_back and total < whole) or (ahead and total > whole)


def test_a_linear_decay_that_had_ended_begins_again_from_its_first_rate():
    made = schedule("polynomial", 400, lr=1.0)
    factor = made.making_up(0.5, float(rates_of("polynomial", 200).mean()))
    assert [factor * made.rate(step) for step in (200, 300, 399)] == pytest.approx([1.0, 0.5, 0.005], rel=0.01)
    as_one = float(rates_of("polynomial", 400, 200).mean())
    assert made.making_up(0.5, as_one) == pytest.approx(1.0)
    assert made.making_up(0.5, as_one + 0.1) == 1.0  # a run that was to be longer
