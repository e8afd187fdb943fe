"""Which data a report is about."""

from dataclasses import dataclass
from typing import Any, Literal

from dlcli.text import listed

# given: named on the command line. test: the part of the training data that training leaves alone (MNIST's t10k).
Part = Literal["given", "held out", "train", "test", "generated"]


SHOWN = {
    "held out": "held out in training",
    "train": "trained on",
    "test": "of the test part",
    "generated": "generated",
}


@dataclass(frozen=True)
class MeasuredOn:
    """Which data a report is about. ``selected``: training chose among its states by the score on these."""

    paths: tuple[str, ...]
    part: Part
    selected: bool = False

    def to_json(self) -> dict[str, Any]:
        """``data`` of the report."""
        return {"paths": list(self.paths), "part": self.part, "selected_on": self.selected}

    @property
    def shown(self) -> str:
        """Words that follow a count of rows or images."""
        if self.part == "given":
            return f"of {listed(self.paths)}"
        return SHOWN[self.part] + (" and selected on" if self.selected else "")
