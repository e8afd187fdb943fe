"""Settings of ``dlcli eval`` and ``dlcli predict``."""

from pathlib import Path
from typing import Literal

from pydantic import field_validator

from dlcli.config.base import option
from dlcli.config.common import DATA, IMAGES, OUTPUT, OutputOptions, TableOptions, known_device


class SavedOptions(TableOptions, OutputOptions):
    """What applying a saved model takes, whatever is done with it."""

    run: Path = option(..., "Run directory of a saved model.", argument=True, complete="dir")
    missing: Literal["error", "drop", "mean"] | None = option(  # type: ignore[assignment]
        None,
        "What to do with missing values; by default as in training. drop: predict gives NA.",
        panel=DATA,
    )
    device: str = option("auto", "auto, cpu, cuda or cuda:N; auto takes a GPU where there is one.", panel=IMAGES)
    kernel: int | None = option(
        None,
        "Which of the blur kernels that the network was trained on, from 0; by default eval takes each in turn, and "
        "predict the first.",
        panel=IMAGES,
        ge=0,
    )
    tile: int | None = option(
        None,
        "Work in squares of at most this side, in pixels, which saves memory and leaves no seams; by default as large "
        "as the memory allows.",
        panel=IMAGES,
        ge=16,
        metavar="PIXELS",
    )

    threads: int | None = option(None, "CPU threads; by default all.", panel="Options", ge=1)

    @field_validator("device")
    @classmethod
    def _known_device(cls, value: str) -> str:
        return known_device(value)


class EvalConfig(SavedOptions):
    """Measure a saved model."""

    data: tuple[str, ...] = option(
        (),
        "Data to measure on: tables; or images, clean ones to degrade as in training (pairs: inputs, then targets; "
        "classify: class folders, IDX). None: what training held out of its own.",
        argument=True,
        complete="file",
    )
    check: tuple[str, ...] = option(
        (),
        "Fail with exit code 3 unless this holds, for example 'r2>=0.9' or 'psnr>=29'. Repeatable.",
        panel="Options",
        metavar="CHECK",
    )
    out: Path | None = option(None, "Write the report to this file too.", panel=OUTPUT, complete="file")
    compare: bool = option(
        False,
        "Measure the classical methods of scikit-image on the same degraded images too.",
        panel=IMAGES,
        flags=("--compare",),
    )
    sigma: float | None = option(
        None, "Measure at this noise, on the scale 0 to 255, instead of the one trained for.", panel=IMAGES,
        ge=0, le=255, metavar="NUMBER",
    )  # fmt: skip
    # Not called seed: the commands that have a field of that name take --config, too.
    noise_seed: int = option(0, "Seed of each image's noise.", panel=IMAGES, flags=("--seed",), ge=0, lt=2**63)
    worst: int | None = option(
        None, "List the N images with the lowest PSNR, instead of the first twenty.", panel=IMAGES, ge=1, metavar="N"
    )


class PredictConfig(SavedOptions):
    """Predict with a saved model."""

    data: tuple[str, ...] = option(
        (),
        "Tables to predict, or images to restore or classify. None: the table that the run was trained on.",
        argument=True,
        complete="file",
    )
    out: Path | None = option(
        None,
        "File to write, .csv or .parquet; by default CSV to stdout. For restored images: a folder, or an image or .npy "
        "file where DATA is one.",
        panel=OUTPUT,
        complete="file",
    )
    force: bool = option(False, "Replace --out files that exist.", panel=OUTPUT, flags=("--force",))
    mask: Path | None = option(
        None,
        "Image of the pixels that inpaint is to fill (white: missing); by default those of training, or the "
        "transparent ones.",
        panel=IMAGES,
        complete="file",
    )
