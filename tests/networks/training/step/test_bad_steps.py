"""Steps that are not finite: counted, and after too many in a row the end."""

from dlcli.networks.training.step.bad_steps import MAX_BAD_STEPS, BadSteps


def test_the_twentieth_bad_step_in_a_row_is_the_last():
    steps, taken = BadSteps(), 0
    while steps.termination.running:
        steps.count(good=False)
        taken += 1
    assert taken == 20
    assert steps.termination.reason == "20 steps in a row gave a loss or gradient that is not finite"


def test_only_bad_steps_in_a_row_end_a_run():
    steps = BadSteps()
    for _ in range(3):
        for _ in range(MAX_BAD_STEPS - 1):
            steps.count(good=False)
        assert steps.termination.running
        steps.count(good=True)
    assert (steps.skipped, steps.in_a_row) == (3 * (MAX_BAD_STEPS - 1), 0)
    for _ in range(MAX_BAD_STEPS):
        steps.count(good=False)
    assert steps.termination.kind == "failed"


def test_the_count_goes_on_after_a_checkpoint():
    steps, later = BadSteps(), BadSteps()
    for good in (False, True, False, False):
        steps.count(good=good)
    later.load_state_dict(steps.state_dict())
    assert (later.skipped, later.in_a_row) == (3, 2)
