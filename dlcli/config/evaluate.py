"""Settings of ``dlcli eval`` and ``dlcli predict``."""

from pathlib import Path
from typing import Literal

from pydantic import field_validator

from dlcli.config import aliases
from dlcli.config.common import (
    AXES,
    AXES_ALSO,
    DATA,
    IMAGES,
    OUTPUT,
    OutputOptions,
    by_commas,
    known_axes,
    known_device,
)
from dlcli.config.option import option
from dlcli.config.saved.against import AgainstOptions
from dlcli.config.saved.measuring import DecidingOptions, MeasuringOptions
from dlcli.config.table_options import TableOptions
from dlcli.config.values.blur import BlurRange
from dlcli.config.values.noise import Amount
from dlcli.config.values.quality import BEST

ImageFormat = Literal["png", "jpg", "webp", "tif", "bmp", "avif", "heic", "npy", "fits", "zarr"]
PixelType = Literal["uint8", "uint16", "uint32", "int8", "int16", "int32", "float16", "float32", "float64"]

AUTO = "auto"
RUN_NAMES = "m model model_dir model_path run_dir checkpoint checkpoint_path ckpt ckpt_path load load_model"
DATA_TO_APPLY = aliases.DATA + " test test_data test_file test_dir new_data"


class SavedOptions(TableOptions, OutputOptions):
    """Options of every command that applies a saved model."""

    run: Path = option(..., "Run directory of a saved model.", argument=True, complete="dir", also=RUN_NAMES)
    missing: Literal["auto", "drop", "mean", "error"] | None = option(  # type: ignore[assignment]
        None,
        "What to do with missing values; by default as in training. drop: predict writes NA.",
        metavar="POLICY",
        panel=DATA,
        also=aliases.MISSING,
        also_as=aliases.MISSING_VALUES,
    )
    unseen: Literal["error", "baseline"] = option(
        "error",
        "What a text does that no training row had, where the model has no level for rare texts: refuse the row, or "
        "count as the level without a coefficient.",
        panel=DATA,
        also="handle_unknown unknown new_levels allow_new_levels",
    )
    device: str = option(
        "auto",
        "auto, cpu, cuda or cuda:N; auto takes a GPU where there is one.",
        panel=IMAGES,
        also=aliases.DEVICE,
        also_as=aliases.DEVICE_VALUES,
    )
    kernel: int | None = option(
        None,
        "Index, from 0, of one of the blur kernels that the network was trained on; by default eval uses each in turn, "
        "predict the first.",
        panel=IMAGES,
        ge=0,
        also="blur_kernel kernel_index psf",
    )
    blur: str | None = option(
        None,
        "Blur of the images of a network that deblurs, as train-deconv has it, instead of that of the training: eval "
        "blurs by it, and a network that is told the blur takes it for theirs.",
        panel=IMAGES,
        metavar="KIND|FILE",
        also="psf_file blur_type",
    )
    tile: int | None = option(
        None,
        "Process images in tiles of at most this side, in pixels: less memory, the same result. By default as large as "
        "memory allows.",
        panel=IMAGES,
        ge=16,
        metavar="PIXELS",
        also="tile_size tiles chunk_size",
    )
    axes: str | None = option(None, AXES, panel=IMAGES, metavar="ZYX", also=AXES_ALSO)
    threads: int | None = option(None, "CPU threads; by default all.", panel="Options", ge=1, also=aliases.THREADS)

    @property
    def reading_threads(self) -> int | None:
        """As --threads says."""
        return self.threads

    @field_validator("axes")
    @classmethod
    def _known_axes(cls, value: str | None) -> str | None:
        return known_axes(value)

    @field_validator("blur")
    @classmethod
    def _blur(cls, value: str | None) -> str | None:
        BlurRange.parse(value or "")
        return value

    @field_validator("device")
    @classmethod
    def _known_device(cls, value: str) -> str:
        return known_device(value)


class EvalConfig(AgainstOptions, MeasuringOptions, SavedOptions):
    """Measure a saved model."""

    data: tuple[str, ...] = option(
        (),
        "Data to measure on: tables; or clean images, which are degraded as in training (pairs: inputs, then targets; "
        "classify: class folders, IDX). None: the validation data that training held out.",
        argument=True,
        complete="file",
        also=DATA_TO_APPLY,
    )
    check: tuple[str, ...] = option(
        (),
        "Fail with exit code 3 unless this holds, for example 'r2>=0.9' or 'psnr>=29'. Repeatable.",
        panel="Options",
        metavar="CHECK",
        also="checks assert threshold require fail_under expect",
    )
    out: Path | None = option(
        None,
        "Also write the report to this file.",
        panel=OUTPUT,
        complete="file",
        also="o output output_file outfile report_file save",
    )
    compare: bool = option(
        False,
        "Also measure the classical methods of scikit-image on the same degraded images.",
        panel=IMAGES,
        flags=("--compare",),
        also="baseline baselines classical",
    )
    sigma: str | None = option(
        None,
        "Measure at this noise level instead of that of the training: a number on the images' own scale (0 to 255 for "
        "8 bits), a share of their range such as 25/255 or 1.5%, or 12counts.",
        panel=IMAGES,
        metavar="NUMBER",
        also="noise noise_level noise_std std stddev",
    )
    quality: int | None = option(
        None,
        "Compress the images of a network that removes JPEG artifacts by this quality, instead of those of the "
        "training.",
        panel=IMAGES, ge=1, le=BEST, also="jpeg_quality qf quality_factor",
    )  # fmt: skip
    # Not called seed: the commands that have a field of that name take --config, too.
    noise_seed: int = option(
        0, "Seed of each image's noise.", panel=IMAGES, flags=("--seed",), ge=0, lt=2**63, also=aliases.SEED
    )
    worst: int | None = option(
        None,
        "List the N images with the lowest PSNR, instead of the first twenty.",
        panel=IMAGES,
        ge=1,
        metavar="N",
        also="top top_n show n",
    )
    mistakes: Path | None = option(
        None,
        "Draw the images that a classifier takes for another class, the most confident mistakes first, into this PNG "
        "file.",
        panel=IMAGES,
        complete="file",
        also="mistakes_sheet errors wrong misclassified",
    )

    @field_validator("mistakes")
    @classmethod
    def _png(cls, value: Path | None) -> Path | None:
        if value is not None and value.suffix.lower() != ".png":
            raise ValueError("expected a name that ends in .png")
        return value

    @field_validator("sigma", mode="before")
    @classmethod
    def _noise(cls, value: object) -> object:
        if value is None:
            return None
        Amount.parse(str(value))
        return str(value)


class PredictConfig(DecidingOptions, SavedOptions):
    """Predict with a saved model."""

    data: tuple[str, ...] = option(
        (),
        "Tables to predict, or images to restore or classify; - is an image from stdin. None: the table that the run "
        "was trained on.",
        argument=True,
        complete="file",
        also=DATA_TO_APPLY,
    )
    out: Path | None = option(
        None,
        "File to write, .csv or .parquet; by default CSV to stdout. For restored images: a folder, or an image or .npy "
        "file where DATA is one, or - for stdout.",
        panel=OUTPUT,
        complete="file",
        also="o output output_file outfile output_dir out_dir save save_to dest predictions",
    )
    force: bool = option(
        False, "Replace --out files that exist.", panel=OUTPUT, flags=("--force",), also="f overwrite clobber yes y"
    )
    keep: tuple[str, ...] = option(
        (),
        "Columns to copy in front of the predictions, such as an identifier, separated by commas. Repeatable.",
        panel=DATA,
        metavar="COLUMNS",
        also="id ids id_column index index_col key keys passthrough keep_columns copy include",
    )
    interval: float | None = option(
        None,
        "Also write the ends of intervals of this confidence: of numbers for the mean (mean_low, mean_high) and a new "
        "observation (new_low, new_high), of two classes for each probability.",
        panel=DATA,
        gt=0,
        lt=1,
        metavar="CONFIDENCE",
        also="confidence conf_level level prediction_interval confidence_interval intervals",
    )
    mask: Path | None = option(
        None,
        "Image of the pixels that inpaint is to fill (white: missing); by default those of training, or the "
        "transparent ones.",
        panel=IMAGES,
        complete="file",
        also="mask_file mask_path holes",
    )

    sigma: str = option(
        AUTO,
        "How much noise images have, for a network that is told (--noise-map, bundled:denoise): auto (as measured in "
        "each), a number on the images' own scale (0 to 255 for 8 bits), a share of their range such as 25/255 or "
        "1.5%, or 12counts.",
        panel=IMAGES,
        metavar="auto|NUMBER",
        also="noise noise_level noise_std std stddev",
    )
    strength: float = option(
        1.0,
        "How much is done: what a network is told of the noise, times this; of others their change, times this.",
        panel=IMAGES, ge=0, le=2, metavar="FACTOR", also="amount alpha blend mix opacity denoise_strength",
    )  # fmt: skip
    image_format: ImageFormat | None = option(
        None,
        "Format of restored images; by default that of each image.",
        panel=IMAGES,
        flags=("--format",),
        also="output_format file_type ext extension suffix",
        also_as={"tiff": "tif", "jpeg": "jpg", "numpy": "npy", "heif": "heic"},
    )
    before_after: Path | None = option(
        None,
        "Also draw the first restored images before and after, with the difference, into this PNG file.",
        panel=IMAGES,
        complete="file",
        metavar="FILE.png",
        also="preview comparison contact_sheet samples",
    )
    dtype: PixelType | None = option(
        None,
        "Type of the values of restored images; by default that of each image. Between uint8 and uint16 white stays "
        "white; else values stay what they are.",
        panel=IMAGES,
        also="bits depth bit_depth type precision pixel_type",
        also_as={"float": "float32", "double": "float64", "half": "float16"},
    )

    @field_validator("sigma", mode="before")
    @classmethod
    def _noise(cls, value: object) -> object:
        if str(value) != AUTO:
            Amount.parse(str(value))
        return str(value)

    @field_validator("keep", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return by_commas(value)
