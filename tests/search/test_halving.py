"""Rungs of successive halving."""

import pytest

from dlcli.search.halving import make_halving_schedule
from dlcli.search.ranking import ranked
from dlcli.search.records import Outcome, Record


def ended(number, value, rung=0, state="complete"):
    return Record(number, {"lr": 0.1}, state, rung, Outcome(state, value))


@pytest.mark.parametrize("points", [*range(1, 40), 64, 100, 1000])
def test_every_point_starts_and_the_last_rung_is_whole(points):
    halving = make_halving_schedule(points)
    assert halving.counts[0] == points
    assert halving.fractions[-1] == 1.0
    assert list(halving.fractions) == sorted(halving.fractions)
    assert all(a > b for a, b in zip(halving.counts, halving.counts[1:], strict=False))
    assert halving.cost <= points


def test_sixteen_points_cost_less_than_a_third_of_the_grid():
    assert make_halving_schedule(16).cost < 0.33 * 16


def test_each_combination_sends_its_best_rate_first():
    halving = make_halving_schedule(16)
    records = [
        Record(number, {"lr": 0.1 * number, "filters": filters}, "complete", 0, Outcome("complete", value))
        for number, (filters, value) in enumerate([("4", 9.0), ("4", 8.0), ("4", 7.0), ("64", 1.0), ("64", 2.0)])
    ]
    assert [r.number for r in halving.promoted(0, records, larger=True)] == [0, 4, 1, 3, 2]
    # Of the seconds the one nearest to its combination's best goes first.
    closer = [*records[:4], Record(4, {"lr": 0.4, "filters": "64"}, "complete", 0, Outcome("complete", 1.5))]
    assert [r.number for r in halving.promoted(1, closer, larger=True)] == [0, 4, 3]


@pytest.mark.parametrize("larger", [True, False])
def test_the_best_are_promoted_and_diverged_ones_never(larger):
    halving = make_halving_schedule(16)
    records = [ended(number, float(number)) for number in range(14)]
    records += [ended(14, float("nan"), state="diverged"), ended(15, float("inf"), state="diverged")]
    chosen = [record.number for record in halving.promoted(0, records, larger=larger)]
    count = halving.counts[1]
    assert chosen == (list(range(13, 13 - count, -1)) if larger else list(range(count)))


def test_a_longer_run_stands_before_a_better_short_one():
    short, long = ended(0, 30.0, rung=0), ended(1, 29.0, rung=1)
    assert [r.number for r in ranked([short, long], larger=True)] == [1, 0]
    assert make_halving_schedule(16).shown(short).state == "pruned"
