"""The report of ``export``, which ``--json`` prints."""

from typing import Literal

from pydantic import Field

from dlcli.reports.document import Record, Report, RunPath, Seconds, Status, Text


class Tensor(Record):
    """An input or output of an exported model."""

    name: Text
    dtype: str = Field(description="as NumPy names it, or string")
    shape: list[int | str] = Field(description="length of each axis; a name where it is free")
    about: Text = Field(description="what its values are")


class ExportReport(Report):
    """What was exported."""

    command: Literal["export"]
    run: RunPath
    out: Text = Field(description="the file that was written")
    format: str
    task: str = Field(description="of a network; of linear models their loss")
    bytes: int = Field(description="size of the file")
    inputs: list[Tensor]
    outputs: list[Tensor]
    difference: float = Field(
        description="largest difference from what dlcli gives: of networks as a share of the range of the images, of "
        "linear models of the larger of 1 and the number itself"
    )
    compared: Text = Field(description="on what that was found")
    notes: list[Text]
    seconds: Seconds
    status: Status
