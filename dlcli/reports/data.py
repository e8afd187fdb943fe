"""The report of ``data``: what a folder of images holds."""

from typing import Literal

from pydantic import Field

from dlcli.reports.document import Environment, Measured, Number, Record, RunReport, Text
from dlcli.reports.evaluate import SkippedImage
from dlcli.reports.measured_on import MeasuredOn


class Size(Record):
    """A size that images have."""

    height: int = Field(description="in pixels")
    width: int = Field(description="in pixels")
    images: int


class Sizes(Record):
    """The sizes of all images that can be read."""

    shortest_side: int = Field(description="of any image, in pixels")
    median_side: int = Field(description="upper median of the shorter sides, in pixels")
    longest_side: int = Field(description="of any image, in pixels")
    megapixels: float = Field(description="of all images together")
    distinct: int = Field(description="how many sizes there are")
    most_common: list[Size] = Field(description="the most common first, at most 20")


class NoiseSpread(Record):
    """Estimated standard deviations of the images' own noise, in the data's units."""

    median: float
    p10: float = Field(description="a tenth of the images has less")
    p90: float = Field(description="a tenth of the images has more")


class ChannelValues(Record):
    """The values of one channel over all images of a kind."""

    low: Number
    high: Number
    mean: Number
    deviation: Number = Field(description="standard deviation")


class Kind(Record):
    """The images of one type and number of channels that were looked at, on the data's own scale."""

    dtype: str = Field(description="as NumPy calls it, as the file holds it")
    channels: int = Field(description="1: gray, 3: RGB; without transparency")
    images: int
    low: Number
    high: Number
    percentiles: dict[str, Number] = Field(description="of the values, by percent; from values drawn at random")
    mean: Number
    deviation: Number = Field(description="standard deviation of all values")
    by_channel: list[ChannelValues]
    ceiling: Number = Field(description="the type's largest value for 8 bits, else the largest value of these images")
    saturated: int = Field(description="images with more than 1% of their values at the ceiling; empty ones aside")
    at_ceiling: float = Field(description="share of all values at the ceiling, 0 to 1")
    empty: int = Field(description="images whose pixels are all the same")
    not_finite: int = Field(description="images with values that are NaN or infinite")
    transparent: int = Field(description="images with an alpha channel, which is not counted in channels")
    noise: NoiseSpread | None = Field(description="null where no image is large and varied enough to tell")


class DuplicateGroup(Record):
    """Images that are the same, or nearly so."""

    names: list[Text]
    exact: bool = Field(description="whether they are equal pixel by pixel")


class Duplicates(Record):
    """Images that are there more than once, among those that were looked at."""

    method: str = Field(description="how near duplicates are told")
    exact: int = Field(description="images that equal an earlier one, pixel by pixel")
    near: int = Field(description="further images that nearly equal an earlier one")
    groups: list[DuplicateGroup] = Field(description="in the order of their first images, at most 1,000")
    straddling: int = Field(
        description="groups that the default validation split of train-deconv, with this seed, would tear apart"
    )


class ClassCount(Record):
    """One class of the class folders."""

    name: Text
    images: int


class Hint(Record):
    """What to know before training."""

    about: str = Field(
        description="unreadable, few-images, small-images, mixed-sizes, mixed-color, mixed-types, not-finite, dim, "
        "saturated, empty, noisy, duplicates, pairs, classes or memory"
    )
    text: Text


class DataReport(RunReport):
    """The report of ``data``."""

    command: Literal["data"]
    metrics: Measured = Field(description="empty")
    data: MeasuredOn
    images: int = Field(description="images that can be read")
    looked_at: int = Field(description="images whose pixels were looked at: all, unless there are very many")
    unopened: int = Field(description="further files of which nothing was read, as there are very many")
    unreadable: list[SkippedImage]
    notes: list[Text] = Field(description="on files that are no images, and on what is left out of those that are")
    sizes: Sizes | None = Field(description="null where no image can be read")
    kinds: list[Kind] = Field(description="by type and channels, the most common first")
    duplicates: Duplicates
    classes: list[ClassCount] | None = Field(description="null where there are no classes")
    hints: list[Hint] = Field(description="what train-deconv would do with these images, and what may go wrong")
    environment: Environment
