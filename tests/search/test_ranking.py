"""Which trial is the best: ties, and which of them is proposed."""

import math

import pytest

from dlcli.search.ranking import choose
from dlcli.search.records import Outcome, Record


def record(number, value, steps=10, seconds=0.1, each=(), **more):
    state = more.pop("state", "complete")
    rung = more.pop("rung", 0)
    value = sum(each) / len(each) if each else value
    outcome = Outcome(state, value, tuple(each) or (value,), {}, steps, seconds, **more)
    return Record(number, {"lr": 0.1}, state, rung, outcome)


def picked(records, larger=False):
    choice = choose(records, larger=larger)
    return choice.best.number, sorted(r.number for r in choice.tied), choice.rule


def test_the_best_value_where_nothing_is_tied():
    records = [record(0, 2.0), record(1, 1.0, steps=900), record(2, 3.0, steps=1)]
    assert picked(records) == (1, [], "best value")
    assert picked(records, larger=True) == (2, [], "best value")


def test_of_values_that_differ_by_rounding_the_one_of_the_fewest_steps():
    records = [record(0, 1.0, steps=500), record(1, 1.0 + 1e-12, steps=9), record(2, 1.0 + 1e-6, steps=1)]
    assert picked(records) == (1, [0], "fewest steps")
    assert [r.number for r in choose(records, larger=False).order] == [1, 0, 2]


def test_steps_decide_whatever_the_clock_says_so_that_reruns_agree():
    for seconds in ((0.1, 5.0), (5.0, 0.1)):
        assert picked([record(0, 1.0, 50, seconds[0]), record(1, 1.0, 9, seconds[1])])[0] == 1


def test_of_equally_many_steps_only_clearly_less_time_counts():
    assert picked([record(0, 1.0, seconds=10), record(1, 1.0, seconds=9)]) == (0, [1], "best value")
    assert picked([record(0, 1.0, seconds=10), record(1, 1.0, seconds=5)]) == (1, [0], "least time")
    assert picked([record(0, 1.0, seconds=0.9), record(1, 1.0, seconds=0.1)]) == (0, [1], "best value")


def test_runs_that_took_all_their_time_are_not_faster_by_fewer_steps():
    slow, fast = (record(n, 1.0, steps, 60.0, reason="time limit reached") for n, steps in ((0, 900), (1, 100)))
    assert picked([slow, fast])[2] == "best value"


def test_folds_that_disagree_are_a_tie_and_folds_that_agree_are_none():
    noisy = [record(0, 0, 90, each=(1.0, 2.0, 3.0)), record(1, 0, 10, each=(1.4, 1.8, 3.1))]
    # Differences 0.4, -0.2, 0.1: mean 0.1, standard error 0.173.
    assert picked(noisy) == (1, [0], "fewest steps")
    steady = [record(0, 0, 90, each=(1.0, 2.0, 3.0)), record(1, 0, 10, each=(1.1, 2.11, 3.09))]
    # The folds are as far apart, but each says the same of the two.
    assert picked(steady) == (0, [], "best value")
    assert choose(noisy, larger=False).runs == 3


def test_trials_of_other_lengths_are_never_tied():
    records = [
        record(0, 1.0, 90, rung=1),
        record(1, 1.0, 1, rung=0),
        record(2, 0.5, 1, state="pruned", reason="pruner"),
    ]
    assert picked(records) == (0, [], "best value")


@pytest.mark.parametrize("larger", [False, True])
def test_the_order_of_the_records_does_not_matter(larger):
    records = [record(n, 1 + 1e-12 * (n % 3), steps=100 - n % 4) for n in range(8)]
    ways = [records, records[::-1], records[3:] + records[:3]]
    assert len({tuple(r.number for r in choose(way, larger=larger).order) for way in ways}) == 1


def test_nothing_to_choose_from():
    diverged = Record(0, {}, "diverged", 0, Outcome("diverged", math.nan))
    assert choose([diverged], larger=False).best is None
