"""What all reports of ``explain`` have, and how an explanation comes to its pictures."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pydantic import Field

from dlcli.config.values.explanations import ModelKind
from dlcli.reports.document import Environment, Measured, Record, RunReport, Text
from dlcli.reports.measured_on import MeasuredOn

# A picture of plots/ by its name, its bytes, and the ending of its file.
Write = Callable[[str, bytes, str], None]


class Picture(Record):
    """A picture of plots/."""

    name: Text = Field(description="of its file, without the ending")
    title: Text
    about: Text = Field(description="how it is read, in a sentence or two")


class Shown(NamedTuple):
    """A table as it is shown, on a screen and on a page; the first cell of each row names it."""

    title: str
    head: list[str]
    rows: list[list[str]]
    note: str = ""


class Explanation(RunReport):
    """The report of ``explain``: the document of explain.json."""

    command: Literal["explain"]
    kind: ModelKind = Field(description="what the model does")
    out: Text = Field(description="folder of the explanation")
    data: MeasuredOn
    methods: list[str]
    metrics: Measured = Field(description="what was measured on the data; empty where nothing was")
    findings: list[Text] = Field(description="verdicts, and what to beware of, in sentences")
    pictures: list[Picture]
    environment: Environment

    def tables(self) -> list[Shown]:
        """The figures, as a person reads them."""
        return []


@dataclass(frozen=True)
class Explained:
    """A report, and what draws its pictures."""

    report: Explanation
    draw: Callable[[Write], None]
