"""The reports of ``predict``, which has no report.json: ``--json`` prints them."""

from typing import Annotated, Literal

from pydantic import Field

from dlcli.reports.document import Number, Record, Report, RunPath, Seconds, Status, Text
from dlcli.reports.evaluate import SkippedImage

Out = Annotated[Text | None, Field(description="the file or folder that was written; null for stdout")]


class Prediction(Report):
    """What applying any model reports."""

    command: Literal["predict"]
    run: RunPath
    out: Out


class TablePredictReport(Prediction):
    """The report of ``predict`` of a linear model."""

    rows: int = Field(description="predictions written")
    seconds: Seconds
    status: Status


class ImagePrediction(Prediction):
    """What applying a network reports."""

    device: str = Field(description="where it was computed: cpu, or the GPU's name")
    task: str


class ClassifiedReport(ImagePrediction):
    """The report of ``predict`` of a network that classifies images."""

    rows: int = Field(description="predictions written")
    images: int = Field(description="images classified")
    skipped: list[SkippedImage]
    seconds: Seconds
    status: Status


class Note(Record):
    """What could not be kept of one image."""

    name: Text
    note: Text


class MappedValues(Record):
    """Images whose values the network saw by their own ranges, instead of that of the training."""

    images: int = Field(description="how many")
    low: Number = Field(description="where their ranges begin")
    high: Number = Field(description="where their ranges end")


class ImageLevel(Record):
    """How much noise an image was measured to have."""

    name: Text
    sigma: Number = Field(description="standard deviation in the units of the image; of frames on average")
    told: Number = Field(
        default=1.0,
        description="times that level is the network told, as neighbors share the noise; 1 where they don't",
    )


class RestoredReport(ImagePrediction):
    """The report of ``predict`` of a network that restores images."""

    images: int = Field(description="images restored")
    skipped: list[SkippedImage]
    unchanged: bool = Field(description="whether the network changed no pixel of any image")
    unwritten: list[Text] = Field(description="names of the outputs that could not be written")
    notes: list[Note]
    sheet: Text | None = Field(description="the picture of some images before and after; null where none was asked for")
    noise: list[ImageLevel] | None = Field(default=None, description="what was measured; absent where nothing was")
    mapped: MappedValues | None = Field(
        description="images whose values are unlike those of the training; null where there are none"
    )
    seconds: Seconds
    status: Status


PredictReport = TablePredictReport | ClassifiedReport | RestoredReport
