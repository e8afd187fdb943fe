"""Which data a report is about."""

from typing import Literal

from pydantic import Field

from dlcli.reports.document import Record, Text
from dlcli.text import listed

# given: named on the command line. test: the part of the training data that training leaves alone (MNIST's t10k).
Part = Literal["given", "held out", "train", "test", "generated"]


SHOWN = {
    "held out": "held out in training",
    "train": "trained on",
    "test": "of the test part",
    "generated": "generated",
}


class MeasuredOn(Record):
    """Which data a report is about."""

    paths: tuple[Text, ...]
    part: Part = Field(description="what part of the data at the paths")
    selected_on: bool = Field(
        default=False, description="whether training chose among its states by the score on these data"
    )

    @property
    def shown(self) -> str:
        """Words that follow a count of rows or images."""
        if self.part == "given":
            return f"of {listed(self.paths)}"
        return SHOWN[self.part] + (" and selected on" if self.selected_on else "")
