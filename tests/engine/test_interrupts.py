"""A signal waits for the end of a step, and is that of one run."""

import os
import signal

import pytest

from dlcli.engine.interrupts import SIGNALS, deferred_signals, waiting
from dlcli.errors import Interrupted


@pytest.fixture
def handlers():
    before = [signal.getsignal(number) for number in SIGNALS]
    yield
    for number, handler in zip(SIGNALS, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_waits_until_it_is_asked_for_and_not_for_the_next_run(handlers, number):
    with deferred_signals() as check:
        check()
        os.kill(os.getpid(), number)
        assert waiting()[0] == number
        with pytest.raises(Interrupted) as caught:
            check()
    assert caught.value.signum == number
    assert waiting() == (0, 0.0)
    with deferred_signals() as check:
        check()
