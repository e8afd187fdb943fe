"""Settings of ``dlcli explain``."""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import field_validator

from dlcli.config.common import DATA, IMAGES, DirectoryOptions, by_commas
from dlcli.config.evaluate import DATA_TO_APPLY, RUN_NAMES, SavedOptions
from dlcli.config.images.explained import ExplainedImages
from dlcli.config.images.options import BUNDLED
from dlcli.config.option import option
from dlcli.config.values.explanations import EVERY, METHODS, WORDS, BaselineName
from dlcli.config.values.region import Region

NEWEST = Path("runs")  # stands for the newest run there
BY_KIND = "; ".join(f"of {WORDS[kind]} {', '.join(names)}" for kind, names in METHODS.items())


class ExplainConfig(ExplainedImages, SavedOptions, DirectoryOptions):
    """Explain a saved model."""

    command: ClassVar[str] = "explain"
    path_fields: ClassVar[tuple[str, ...]] = ("run", "data")

    run: Path = option(
        NEWEST,
        "Run directory of a saved model, or bundled:NAME; by default the newest in runs/, or bundled:denoise-gray "
        "where there is none.",
        argument=True, complete="dir", also=RUN_NAMES,
    )  # fmt: skip
    data: tuple[str, ...] = option(
        (),
        "Data to explain the model on, as eval takes them. None: the validation data that training held out.",
        argument=True,
        complete="file",
        also=DATA_TO_APPLY,
    )
    method: tuple[str, ...] = option(
        (),
        f"Only these methods, separated by commas; by default all: {BY_KIND}.",
        metavar="NAMES",
        also="methods how explainer explainers technique algorithm only",
    )
    repeats: int = option(
        10,
        "How often the values of each column are permuted for its importance.",
        panel=DATA, ge=2, le=1000, metavar="N", also="n_repeats permutations num_repeats repeat",
    )  # fmt: skip
    table: Literal["auto", "csv", "parquet", "none"] = option(
        "auto",
        "Format of the table of SHAP values, a row for each row of DATA: csv, parquet, none, or auto, which is csv up "
        "to 100,000 rows.",
        panel=DATA, metavar="FORMAT", also="table_format shap_format values",
    )  # fmt: skip
    region: str | None = option(
        None,
        "Region of the image that is explained, in pixels; by default where the image has most detail.",
        panel=IMAGES, metavar="X,Y,W,H", also="roi box bbox crop rectangle patch window area",
    )  # fmt: skip

    baseline: BaselineName = option(
        "black",
        "What integrated gradients compare an image with: one shade, or the mean of all images.",
        panel=IMAGES, also="baselines reference background", also_as={"zero": "black", "average": "mean"},
    )  # fmt: skip
    top: int = option(
        6,
        "How many images of each kind to explain: the surest right ones, the surest mistakes, the least sure.",
        panel=IMAGES, ge=1, le=24, metavar="N", also="top_n n count num_samples samples show max_images",
    )  # fmt: skip

    @field_validator("method", mode="before")
    @classmethod
    def _methods(cls, value: object) -> object:
        names = by_commas(value)
        for name in names if isinstance(names, tuple) else ():
            if name not in EVERY:
                raise ValueError(f"expected some of {', '.join(EVERY)}")
        return names

    @field_validator("region")
    @classmethod
    def _region(cls, value: str | None) -> str | None:
        if value is not None:
            Region.parse(value)
        return value

    @classmethod
    def changed(cls, name: str, value: object, change: Callable[[str], str]) -> object:
        """As of every config; bundled:NAME is no path."""
        if name == "run" and isinstance(value, str) and value.startswith(BUNDLED):
            return value
        return super().changed(name, value, change)
