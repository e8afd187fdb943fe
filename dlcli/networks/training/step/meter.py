"""The training loss between two reports."""

import math

from dlcli.files import JsonObject


class LossMeter:
    """Mean of the losses since the last report.

    ``last`` is the latest mean that was asked for, nan before the first.
    """

    def __init__(self) -> None:
        self.total, self.count = 0.0, 0
        self.last = math.nan

    @property
    def unknown(self) -> bool:
        """Whether there is neither a loss of this mean nor a finite one of an earlier mean."""
        return not self.count and not math.isfinite(self.last)

    def add(self, loss: float) -> None:
        """Take the loss of a step."""
        self.total += loss
        self.count += 1

    def mean(self) -> float:
        """Mean loss since ``reset``; without a step since then the mean before."""
        if self.count:
            self.last = self.total / self.count
        return self.last

    def reset(self) -> None:
        """Begin a new mean."""
        self.total, self.count = 0.0, 0

    def state_dict(self) -> JsonObject:
        """What the rest of the run depends on, for a checkpoint."""
        return {"loss_sum": self.total, "loss_count": self.count, "_last_loss": self.last}

    def load_state_dict(self, numbers: JsonObject) -> None:
        """Take up what ``state_dict`` gave."""
        self.total, self.count, self.last = numbers["loss_sum"], numbers["loss_count"], numbers["_last_loss"]
