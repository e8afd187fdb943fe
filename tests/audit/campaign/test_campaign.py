"""A short audit; the long one, of everything, is ``python -m tests.audit.campaign``."""

import numpy as np
import pytest

from tests.audit.campaign.generated import generated
from tests.audit.campaign.measure import Difference, audit, off, table
from tests.audit.campaign.problem import Sample
from tests.audit.campaign.real import real
from tests.audit.campaign.squares import problem

EVERY = 26  # of the problems one is solved here


@pytest.fixture(scope="module")
def problems():
    return list(generated()), list(real())


def test_the_long_form_has_200_problems_and_12_tables(problems):
    made, of_tables = problems
    assert len(made) >= 200
    assert len({(p.kind, p.name) for p in made}) == len(made)
    shipped = {p.real for p in of_tables if not p.real.endswith(".csv")}
    assert len(shipped) >= 12
    words = " ".join(" ".join(p.words) for p in (*made, *of_tables))
    for option in ("--robust HC0", "--robust HC3", "--cluster", "--weights-kind precision", "--offset", "--l2 path",
                   "--loss gamma --link inverse", "--loss negative-binomial", "quantile:"):  # fmt: skip
        assert option in words


def test_a_part_of_it_agrees(problems):
    made, of_tables = problems
    chosen = made[::EVERY] + [p for p in of_tables if len(p.columns["y"]) < 1000][:: EVERY // 2]
    results = list(audit(chosen))
    wrong = [
        f"{p.kind} {p.name}: {one if isinstance(told, str) else (one.number, one.error)}"
        for p, told in results
        for one in ([told] if isinstance(told, str) else told)
        if isinstance(one, str) or not one.error <= one.tolerance
    ]
    assert not wrong, "\n".join(wrong)
    assert len(table(results).splitlines()) == 1 + len({p.kind for p in chosen})


def test_what_is_off_is_seen():
    assert off([1.0, 2.0], [1.0, 2.0 + 2e-8]) == pytest.approx(1e-8)
    assert off(None, 1.0) == off([1.0], [[1.0]]) == off(np.nan, 1.0) == np.inf
    assert off(None, None) == off("F", "F") == off(0.0, 0.0) == 0.0
    one = problem("kind", "name", Sample(np.eye(3), np.ones(3)))
    assert not Difference(one, "test.p", 2e-6).error <= Difference(one, "test.p", 2e-6).tolerance
    assert Difference(one, "value", 0.0).tolerance == 1e-8
