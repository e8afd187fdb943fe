"""The rise of the rate in the first steps, and its rise again in a run that goes on beyond its end."""

import pytest

from dlcli.engine.schedules.base import ScheduleSettings
from dlcli.engine.schedules.by_name import make_schedule
from dlcli.networks.training.step.rate import LearningRate, warmed_up
from dlcli.networks.training.step.settings import NetworkSettings


def test_the_rate_rises_to_its_full_size():
    rates = [warmed_up(0.5, step, 4) for step in range(1, 7)]
    assert rates == pytest.approx([0.125, 0.25, 0.375, 0.5, 0.5, 0.5])
    assert warmed_up(0.5, 1, 0) == 0.5


def rate_of(steps, *, seconds=None, name="polynomial", warmup=0):
    schedule = make_schedule(ScheduleSettings(name=name, total_steps=steps or 10_000), 1.0)
    return LearningRate(schedule, [], NetworkSettings(4, steps or 2**62, seconds, warmup=warmup))


def taken(rate, start, stop):
    rates = []
    for step in range(start, stop):
        rate.update(step + 1, 0.0, None)
        rates.append(rate.lr)
    return rates


def gone_on(rate, step, **given):
    """Another process's rate, from the checkpoint of ``rate``; whether it was raised."""
    other = rate_of(**given)
    other.load_state_dict(*rate.state_dict())
    return other, other.lengthened(step)


def test_runs_that_are_lengthened_again_and_again_have_the_rates_of_one():
    rate = rate_of(100, warmup=20)
    sums = [sum(taken(rate, 0, 100))]
    for start, stop in ((100, 200), (200, 300)):
        rate, raised = gone_on(rate, start, steps=stop)
        assert raised
        first, *_, last = rates = taken(rate, start, stop)
        assert (first, last) == (pytest.approx(0.99, abs=0.01), pytest.approx(0.0099, abs=1e-4))
        sums.append(sum(rates))
    # One warm-up costs as many steps as another, at nearly the first rate.
    assert sum(sums) == pytest.approx(sum(taken(rate_of(300, warmup=20), 0, 300)), rel=0.01)


def test_a_plain_resumption_changes_no_bit():
    whole, begun = rate_of(100), rate_of(100)
    expected = taken(whole, 0, 100)
    first = taken(begun, 0, 40)
    other = rate_of(100)
    other.load_state_dict(*begun.state_dict())
    assert first + taken(other, 40, 100) == expected
    longer, _ = gone_on(whole, 100, steps=150)
    middle = taken(longer, 100, 120)
    again = rate_of(150)
    again.load_state_dict(*longer.state_dict())
    beyond, _ = gone_on(whole, 100, steps=150)
    assert middle + taken(again, 120, 150) == taken(beyond, 100, 150)


def test_time_is_made_up_for_likewise():
    rate = rate_of(None, seconds=60.0)
    for second in range(60):
        rate.seconds = float(second)
        rate.update(second + 1, 0.0, None)
    rate.seconds = 60.0
    longer, raised = gone_on(rate, 60, steps=None, seconds=120.0)
    longer.update(61, 0.0, None)
    assert (raised, longer.lr) == (True, pytest.approx(1.0, rel=0.02))


@pytest.mark.parametrize(("name", "steps"), [("constant", 100), ("exponential", 100), ("polynomial", 60)])
def test_nothing_is_raised_where_the_end_does_not_matter_or_comes_earlier(name, steps):
    begun = rate_of(80, name=name)
    taken(begun, 0, 40)
    assert not gone_on(begun, 40, steps=steps, name=name)[1]


def test_checkpoints_from_before_go_on_as_they_are():
    arrays, numbers = rate_of(100).state_dict()
    del numbers["rates"]
    other = rate_of(200)
    other.load_state_dict(arrays, numbers)
    assert not other.lengthened(100)
    assert other.factor == 1.0
