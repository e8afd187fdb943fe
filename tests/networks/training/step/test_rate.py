"""The rise of the rate in the first steps."""

import pytest

from dlcli.networks.training.step.rate import warmed_up


def test_the_rate_rises_to_its_full_size():
    rates = [warmed_up(0.5, step, 4) for step in range(1, 7)]
    assert rates == pytest.approx([0.125, 0.25, 0.375, 0.5, 0.5, 0.5])
    assert warmed_up(0.5, 1, 0) == 0.5
