"""The report of ``models``: the networks that come with dlcli."""

from typing import Literal

from pydantic import Field

from dlcli.reports.document import Record, Report


class BundledModel(Record):
    """One network in the box."""

    name: str = Field(description="as eval, predict and --init take it: bundled:NAME")
    task: str
    channels: int = Field(description="1 for gray images, 3 for color")
    sigma: tuple[float, float] = Field(description="noise that it is good for, on the scale 0 to 255")
    weights: int = Field(description="number of weights")
    bytes: int = Field(description="of its model file")
    made_by: str = Field(description="the command that trained it")
    card: str = Field(description="its model card, as Markdown")


class ModelsReport(Report):
    """The report of ``models``."""

    command: Literal["models"]
    models: list[BundledModel]
