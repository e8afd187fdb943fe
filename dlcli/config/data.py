"""Settings of ``dlcli data`` and ``dlcli noise``: looking at images without a model."""

from typing import ClassVar

from pydantic import field_validator

from dlcli.config import aliases
from dlcli.config.common import AXES, AXES_ALSO, DATA, DirectoryOptions, known_axes
from dlcli.config.option import option


class DataConfig(DirectoryOptions):
    """Look at images."""

    command: ClassVar[str] = "data"
    path_fields: ClassVar[tuple[str, ...]] = ("data",)

    data: tuple[str, ...] = option(
        (),
        "Images: folders (with class folders, or MNIST's IDX files), image files, patterns, .npy or .npz files; by "
        "default generated images.",
        argument=True,
        complete="file",
        also=aliases.DATA,
    )
    axes: str | None = option(None, AXES, panel=DATA, metavar="ZYX", also=AXES_ALSO)
    sample: int | None = option(
        None,
        "Decode only N images, chosen at random; by default all, up to 5,000 images and 1,000 megapixels.",
        panel=DATA,
        ge=1,
        metavar="N",
        also="samples n_samples num_samples max_images max_samples subset limit head nrows n",
    )

    @field_validator("axes")
    @classmethod
    def _known_axes(cls, value: str | None) -> str | None:
        return known_axes(value)


class NoiseConfig(DirectoryOptions):
    """Measure noise."""

    command: ClassVar[str] = "noise"
    path_fields: ClassVar[tuple[str, ...]] = ("data",)

    data: tuple[str, ...] = option(
        (),
        "Images: files, folders, patterns, .npy or .npz files; by default generated images with noise of 15.",
        argument=True,
        complete="file",
        also=aliases.DATA,
    )
    axes: str | None = option(None, AXES, panel=DATA, metavar="ZYX", also=AXES_ALSO)
    offset: float | None = option(
        None,
        "Value of a pixel without light, as of a dark frame; by default 0, or where the line of the variance ends.",
        panel=DATA,
        metavar="V",
        also="black black_level bias pedestal dark dark_level baseline camera_offset",
    )
    sample: int | None = option(
        None,
        "Measure only N images, chosen at random; by default all, up to 5,000 images and 1,000 megapixels.",
        panel=DATA,
        ge=1,
        metavar="N",
        also="samples n_samples num_samples max_images max_samples subset limit head nrows n",
    )

    @field_validator("axes")
    @classmethod
    def _known_axes(cls, value: str | None) -> str | None:
        return known_axes(value)
