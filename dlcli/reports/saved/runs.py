"""The report of ``runs``: the runs in a folder."""

from typing import Literal

from pydantic import Field

from dlcli.reports.document import Measured, Number, Record, Report, Text


class RunEntry(Record):
    """One run."""

    run: Text = Field(description="path of the run directory")
    command: str = Field(description="empty where nothing tells")
    data: list[Text] = Field(description="what it was trained on; empty for built-in examples, and where nothing tells")
    status: str = Field(
        description="converged, finished, stopped or diverged as it ended; running; killed: it has no report and no "
        "process works on it; unfinished: it has no report, and the file system doesn't tell; broken: see reason"
    )
    reason: Text = Field(description="why it ended, or what is wrong with it, in words")
    metric: str = Field(description="the metric that is shown, as in val.loss; empty where there is none")
    value: Number = Field(description="its value")
    metrics: Measured
    steps: int | None = Field(description="steps taken, as far as is known")
    seconds: float | None = Field(description="duration of the command; null while there is no report")
    written: str = Field(description="when it was last written to: UTC, ISO 8601")
    age: float = Field(description="seconds since then")


class RunsReport(Report):
    """The report of ``runs``."""

    command: Literal["runs"]
    folder: Text
    sorted_by: str = Field(description="a metric, or age, steps, seconds or run")
    runs: list[RunEntry] = Field(description="the best first; by default the newest")
    others: int = Field(description="folders that hold no run")
