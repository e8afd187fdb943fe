"""The share of the newest weights in their average."""

import pytest

from dlcli.networks.optim.average import share_of_average


def test_the_average_begins_as_the_mean_of_all_weights():
    assert [share_of_average(0.8, step) for step in range(1, 7)] == pytest.approx([1 / 2, 1 / 3, 1 / 4, 0.2, 0.2, 0.2])
