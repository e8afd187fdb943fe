"""Rows dealt out to clients."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.errors import DlcliError
from dlcli.federated.partition import dirichlet, iid, owners_of, tenths
from dlcli.federated.sampling import Participation


@given(st.integers(2, 200), st.integers(2, 30), st.integers(0, 5))
def test_clients_of_chance_have_as_many_rows_as_each_other(rows, clients, seed):
    counts = np.bincount(iid(rows, clients, seed), minlength=clients)
    assert counts.sum() == rows
    assert counts.max() - counts.min() <= 1


@given(st.integers(10, 120), st.integers(2, 10), st.sampled_from([1e-4, 0.1, 1.0, 100.0]), st.integers(0, 3))
def test_no_client_of_dirichlet_is_without_rows(rows, clients, alpha, seed):
    owners = dirichlet(np.arange(rows) % 3, clients, alpha, seed)
    assert np.bincount(owners, minlength=clients).min() >= 1
    assert np.array_equal(owners, dirichlet(np.arange(rows) % 3, clients, alpha, seed))


def test_shares_of_a_class_are_spread_as_dirichlet_says():
    """The variance of a share is (1/K)(1 - 1/K) / (K alpha + 1)."""
    labels, clients = np.repeat(np.arange(400), 200), 5
    for alpha in (0.3, 10.0):
        owners = dirichlet(labels, clients, alpha, 1)
        shares = np.stack([np.bincount(owners[labels == c], minlength=clients) for c in range(400)]) / 200
        expected = (1 / clients) * (1 - 1 / clients) / (clients * alpha + 1)
        assert np.var(shares) == pytest.approx(expected, rel=0.15)
        assert shares.mean(axis=0) == pytest.approx([0.2] * 5, abs=0.05)


def test_tenths_of_a_target_and_more_clients_than_rows():
    assert np.bincount(tenths(np.random.default_rng(0).normal(size=1000))).tolist() == [100] * 10
    assert len(np.unique(tenths(np.ones(50)))) == 1
    with pytest.raises(DlcliError, match="--clients 9: there are 3 rows"):
        owners_of("iid", np.zeros(3, dtype=np.int64), 9, 0)


def test_who_is_asked_hangs_on_seed_and_round_alone():
    some = Participation(20, 0.25, 0.3, 7)
    assert [some.asked(n) for n in (1, 2)] == [Participation(20, 0.25, 0.9, 7).asked(n) for n in (1, 2)]
    assert some.asked(1) != some.asked(2)
    assert all(len(some.asked(n)) == 5 for n in range(50))
    counts = np.bincount([c for n in range(2000) for c in some.asked(n)], minlength=20)
    assert counts / 2000 == pytest.approx([0.25] * 20, abs=0.04)
    everyone = list(range(20))
    assert np.mean([len(some.lost(n, everyone)) for n in range(2000)]) / 20 == pytest.approx(0.3, abs=0.01)
