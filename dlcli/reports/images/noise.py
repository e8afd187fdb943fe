"""The report of ``noise``: what noise images have."""

from typing import Literal

from pydantic import Field

from dlcli.reports.document import Environment, Measured, Number, Record, RunReport, Text
from dlcli.reports.evaluate import SkippedImage
from dlcli.reports.measured_on import MeasuredOn

NoiseName = Literal["none", "gaussian", "poisson-gaussian", "correlated"]
KIND = (
    "none: too little to be judged; gaussian: white, of one level; poisson-gaussian: white, growing with brightness; "
    "correlated: neighboring pixels share it"
)


class LevelAt(Record):
    """The noise in a range of brightness."""

    brightness: Number
    sigma: Number = Field(description="standard deviation")
    patches: int = Field(description="smooth patches that it was measured on")


class NoiseOfChannel(Record):
    """The noise of one channel, in the data's units."""

    sigma: Number = Field(description="standard deviation over an image; of several images the median")
    p10: Number = Field(description="a tenth of the images has less")
    p90: Number = Field(description="a tenth of the images has more")
    gain: Number = Field(description="variance = gain * brightness + intercept; 0 where it doesn't grow")
    intercept: Number
    offset: Number = Field(description="black level: the brightness without light")
    read: Number = Field(description="read noise: standard deviation at the black level")
    autocorrelation: list[Number] = Field(description="of the noise at lags 1 to 3, the mean of rows and columns")
    rows: Number = Field(description="standard deviation of what a row shares: stripes")
    columns: Number = Field(description="standard deviation of what a column shares: stripes")
    levels: list[LevelAt] = Field(description="what the line goes through, the darkest first")


class NoiseOfKind(Record):
    """The noise of the images of one type and number of channels, taken together."""

    dtype: str = Field(description="as NumPy calls it, as the file holds it")
    channels: int = Field(description="1: gray, 3: RGB; without transparency")
    images: int = Field(description="that could be measured")
    kind: NoiseName = Field(description=KIND)
    extent: int = Field(description="lag up to which noise is correlated, in pixels; 0 for white noise")
    saturated: float = Field(description="share of the pixels at an end of the range, 0 to 1")
    reliable: bool = Field(description="false where figures are a hint only")
    by_channel: list[NoiseOfChannel]


class NoiseOfImage(Record):
    """One image, in short."""

    name: Text
    dtype: str
    kind: NoiseName = Field(description=KIND)
    sigma: list[Number] = Field(description="standard deviation by channel; empty where nothing could be measured")
    extent: int
    saturated: float
    reliable: bool
    why: Text = Field(description="why figures are missing or no more than a hint")


class NoiseReport(RunReport):
    """The report of ``noise``."""

    command: Literal["noise"]
    metrics: Measured = Field(description="empty")
    data: MeasuredOn
    images: int = Field(description="images whose pixels were looked at")
    unopened: int = Field(description="further images that were not looked at, as there are very many")
    unreadable: list[SkippedImage]
    notes: list[Text] = Field(description="on files that are no images, and on what is left out of those that are")
    kinds: list[NoiseOfKind] = Field(description="by type and channels, the most common first")
    each: list[NoiseOfImage] = Field(description="image by image, at most 1,000; images.csv has all")
    environment: Environment
