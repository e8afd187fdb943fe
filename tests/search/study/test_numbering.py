"""Numbers of the points of grids that extend one study."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from dlcli.search.space import Point, parse_space
from dlcli.search.study.codec import PARAMS, POINT
from dlcli.search.study.numbering import combination, numbered, numbers_of


def grid(text, points=5):
    return parse_space(text, [], lambda name: True, None).grid([points])


def trials(*points):
    return [SimpleNamespace(user_attrs={POINT: point.number, PARAMS: point.params}) for point in points]


def test_a_new_study_takes_the_grid_s_own_numbers():
    points = grid("1e-4:1")
    assert numbered(points, {}) == points
    assert numbered(points[::-1], {}) == points[::-1]


def test_a_larger_grid_keeps_the_numbers_of_a_smaller_one():
    small, large = grid("1e-4:1", 3), grid("1e-4:1", 5)
    found = numbered(large, numbers_of(trials(*small)))
    rates = {point.number: point.params["lr"] for point in found}
    assert [rates[n] for n in range(3)] == [p.params["lr"] for p in small]
    assert sorted(rates) == list(range(5))
    assert rates[3] < rates[4]  # new ones in the grid's order


def test_points_that_are_missing_in_between_get_their_own_numbers():
    points = grid("1e-4:1")
    known = {combination(p.params): p.number for p in points if p.number in (0, 3)}
    assert numbered(points, known) == points


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), max_size=12))
def test_whatever_was_put_up_each_combination_has_one_number_and_no_two_have_the_same(entries):
    put_up = [Point(number, {"lr": float(value)}) for number, value in entries]
    found = numbers_of(trials(*put_up))
    assert len(found) == len({value for _, value in entries})
    assert len(set(found.values())) == len(found)
    for end in range(len(put_up)):  # what a process saw before others came stays as it was
        assert found.items() >= numbers_of(trials(*put_up[:end])).items()
