"""Masks cancel in the sum to the last bit, and nothing else is seen of a message."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dlcli.federated.fixed_point import LARGEST, from_words, to_words
from dlcli.federated.masking import MaskKey
from dlcli.federated.secure_sum import masked_message, summed

KEY = MaskKey(5)
numbers = st.floats(-1e30, 1e30, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-24)


@given(st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=2, max_size=6))
def test_a_masked_sum_is_the_exact_sum_rounded(rows):
    messages = {client: np.array(row) for client, row in enumerate(rows)}
    found = summed(messages, sorted(messages), 3, KEY)
    for place, value in enumerate(found):
        exact = math.fsum(row[place] for row in rows)
        assert value == pytest.approx(exact, rel=4e-16, abs=0)


def test_numbers_below_the_lowest_bit_are_rounded_to_it():
    for value in (1e-40, -3.3e-44, 5e-324, 1.1 * 2.0**-144, -0.0):
        assert abs(Fraction(float(from_words(to_words(np.array([value])))[0])) - Fraction(value)) <= Fraction(2) ** -145


@pytest.mark.parametrize("value", [np.inf, np.nan, LARGEST, -2 * LARGEST])
def test_what_has_no_room_is_refused(value):
    with pytest.raises(ValueError, match="fixed point"):
        to_words(np.array([1.0, value]))


def test_one_message_looks_uniform_whatever_it_holds():
    """Every word of a client's message, over its whole range, for numbers of very different sizes."""
    for values in (np.zeros(4000), np.full(4000, 1e20), np.linspace(-1, 1, 4000)):
        words = masked_message(values, 1, [0, 1, 2], 9, KEY)
        for word in words:
            assert stats.kstest(word / 2.0**64, "uniform").pvalue > 1e-4
        bits = np.unpackbits(np.ascontiguousarray(words).view(np.uint8))
        assert stats.binomtest(int(bits.sum()), len(bits)).pvalue > 1e-4
    # And two messages of different numbers can't be told apart, nor two rounds.
    first, second = (masked_message(np.full(9, v), 1, [0, 1, 2], 9, KEY) for v in (0.0, 1.0))
    other = masked_message(np.zeros(9), 1, [0, 1, 2], 10, KEY)
    assert stats.kstest((first - other).ravel() / 2.0**64, "uniform").pvalue > 1e-4
    assert not np.array_equal(first, second)


def test_the_masks_of_a_lost_client_are_taken_out():
    rng = np.random.default_rng(2)
    messages = {client: rng.normal(size=50) * 10.0 ** rng.integers(-9, 9, 50) for client in range(5)}
    answered = {client: messages[client] for client in (0, 2, 4)}
    exact = [math.fsum(values[i] for values in answered.values()) for i in range(50)]
    assert summed(answered, range(5), 1, KEY) == pytest.approx(exact, rel=4e-16, abs=0)
    assert summed(answered, range(5), 1) == pytest.approx(exact, rel=1e-12)
