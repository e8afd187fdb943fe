"""Which images are explained: against what a person would choose."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dlcli.networks.inference.explain.classes.selection import Decisions


def decisions(rows, labels=None):
    return Decisions(np.log(np.array(rows)), None if labels is None else np.array(labels))


ROWS = [[0.9, 0.05, 0.05], [0.99, 0.005, 0.005], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.02, 0.18, 0.8], [0.2, 0.3, 0.5]]


def test_the_surest_of_each_class_comes_first():
    cases = decisions(ROWS, [0, 0, 1, 2, 2, 0]).cases(2)
    assert [case.image for case in cases if case.chosen == "right"] == [1, 2]
    assert [case.image for case in decisions(ROWS, [0, 0, 1, 2, 2, 0]).cases(4) if case.chosen == "right"] == [
        1,
        2,
        4,
        0,
    ]


def test_mistakes_are_explained_for_both_classes():
    found = decisions(ROWS, [1, 0, 0, 2, 2, 2])
    assert found.mistakes() == [0, 2]
    assert [(c.image, c.explained) for c in found.cases(3) if c.chosen == "mistake"] == [(0, 0), (0, 1), (2, 1), (2, 0)]


def test_the_least_sure_are_explained_for_the_two_most_probable_classes():
    cases = [case for case in decisions(ROWS, [0] * 6).cases(2) if case.chosen == "unsure"]
    assert [(case.image, case.explained) for case in cases] == [(3, 2), (3, 0), (5, 2), (5, 1)]


def test_without_classes_there_is_no_right_and_no_mistake():
    found = decisions(ROWS)
    assert found.mistakes() == []
    assert {case.chosen for case in found.cases(2)} == {"sure", "unsure"}


@given(st.data())
def test_what_is_shown_is_what_it_says(data):
    images, classes = data.draw(st.integers(1, 9)), data.draw(st.integers(2, 4))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    rows = rng.dirichlet(np.ones(classes), images)
    labels = rng.integers(0, classes, images)
    found, count = decisions(rows, labels), data.draw(st.integers(1, 5))
    cases = found.cases(count)
    best = rows.argmax(1)
    for case in cases:
        assert (best[case.image] == labels[case.image]) == (case.chosen == "right") or case.chosen == "unsure"
        assert case.explained in (best[case.image], labels[case.image]) or case.chosen == "unsure"
    for chosen, most in (("right", (best == labels).sum()), ("mistake", (best != labels).sum()), ("unsure", images)):
        assert len({case.image for case in cases if case.chosen == chosen}) == min(count, most)
