"""The mean loss between two reports."""

import math

from dlcli.networks.training.step.meter import LossMeter


def test_a_mean_lasts_until_the_next_step():
    meter = LossMeter()
    assert meter.unknown
    assert math.isnan(meter.mean())
    meter.add(1.0)
    meter.add(2.0)
    assert meter.mean() == 1.5
    meter.reset()
    assert meter.mean() == 1.5
    assert not meter.unknown
    meter.add(4.0)
    assert meter.mean() == 4.0


def test_a_mean_goes_on_after_a_checkpoint():
    meter, later = LossMeter(), LossMeter()
    meter.add(1.0)
    later.load_state_dict(meter.state_dict())
    later.add(2.0)
    assert later.mean() == 1.5
