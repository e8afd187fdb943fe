"""Steps whose loss or gradient is not finite: skipped and counted, a failure when too many follow each other."""

from dlcli.engine.solver import RUNNING, Termination
from dlcli.files import JsonObject

MAX_BAD_STEPS = 20  # non-finite steps in a row after which the run is given up


class BadSteps:
    """How many steps were ``skipped``, how many of them ``in_a_row``, and whether that ended the run."""

    def __init__(self) -> None:
        self.skipped = self.in_a_row = 0
        self.termination = RUNNING

    def count(self, *, good: bool) -> None:
        """Take note of a step: ``good`` where loss and gradient were finite."""
        if good:
            self.in_a_row = 0
            return
        self.skipped += 1
        self.in_a_row += 1
        if self.in_a_row >= MAX_BAD_STEPS:
            reason = f"{MAX_BAD_STEPS} steps in a row gave a loss or gradient that is not finite"
            self.termination = Termination("failed", reason)

    def state_dict(self) -> JsonObject:
        """What the rest of the run depends on, for a checkpoint."""
        return {"skipped": self.skipped, "bad_in_a_row": self.in_a_row}

    def load_state_dict(self, numbers: JsonObject) -> None:
        """Take up what ``state_dict`` gave."""
        self.skipped, self.in_a_row = numbers["skipped"], numbers["bad_in_a_row"]
