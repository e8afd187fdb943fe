"""The report of ``report``: the page that it made of runs."""

from typing import Literal

from pydantic import Field

from dlcli.reports.document import Record, Report, Text


class ReportedRun(Record):
    """One run of the page."""

    run: Text = Field(description="path of the run directory")
    command: str
    status: str = Field(description="as of runs")


class PageReport(Report):
    """The report of ``report``."""

    command: Literal["report"]
    out: Text | None = Field(description="the page that was written; null where none was")
    bytes: int | None = Field(description="its size; null where none was written")
    runs: list[ReportedRun]
    differing: list[str] = Field(description="names of the settings that differ; empty for one run")
    markdown: Text = Field(description="the same in short, as Markdown")
