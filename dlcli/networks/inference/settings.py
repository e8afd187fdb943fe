"""What eval and predict of a network need of their options; below, nothing sees the commands' configs."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dlcli.config.evaluate import AUTO, EvalConfig, PredictConfig, SavedOptions
from dlcli.config.values.noise import Amount
from dlcli.engine.arrays import AnyDtype
from dlcli.images.formats.opening import EXTENSIONS
from dlcli.tables.predictions import OutputSettings


@dataclass(frozen=True)
class Strength:
    """``sigma`` None: as measured. ``factor`` multiplies the level that a network is told, or else its change."""

    sigma: Amount | None = None
    factor: float = 1.0


AS_MEASURED = Strength()


@dataclass(frozen=True)
class NetworkSettings:
    """The run whose network is taken, and how it is run: ``kernel`` is the number of one of its blur kernels.

    ``tile`` is the longest side in pixels that goes through at once; None: what memory allows. ``threads`` None: all.
    ``axes`` are those of arrays and of files with several frames, "" for what they tell. ``blur`` None is that of the
    training.
    """

    run: Path
    device: str
    kernel: int | None
    tile: int | None
    threads: int | None
    axes: str = ""
    blur: str | None = None

    @classmethod
    def of(cls, config: SavedOptions) -> "NetworkSettings":
        """Those of a command."""
        return cls(
            config.run, config.device, config.kernel, config.tile, config.threads, config.axes or "", config.blur
        )


@dataclass(frozen=True)
class EvaluationSettings:
    """The images to measure on (none: those held out), and how they are degraded: ``sigma`` None, as in training.

    ``quality`` likewise is that of JPEG.

    ``conditions`` are checks such as "psnr>=29"; ``compare`` also measures classical methods; ``mistakes`` is the file
    of the sheet of images that are classified wrongly.
    """

    source: NetworkSettings
    data: tuple[str, ...]
    conditions: tuple[str, ...]
    compare: bool
    sigma: str | None
    seed: int
    mistakes: Path | None = None
    quality: int | None = None

    @classmethod
    def of(cls, config: EvalConfig) -> "EvaluationSettings":
        """Those of the command."""
        return cls(
            NetworkSettings.of(config), config.data, config.check, config.compare, config.sigma, config.noise_seed,
            config.mistakes, config.quality,
        )  # fmt: skip


@dataclass(frozen=True)
class PredictionSettings:
    """The images to restore or classify, the file of the pixels to fill, and where the results go.

    ``format`` (one of FORMATS) and ``dtype`` are those of restored images, None for their own; ``sheet`` is the file of
    a picture of some, before and after. ``strength`` is how much is done to them.
    """

    source: NetworkSettings
    data: tuple[str, ...]
    mask: Path | None
    output: OutputSettings
    format: str | None = None
    dtype: AnyDtype | None = None
    sheet: Path | None = None
    strength: Strength = AS_MEASURED

    @classmethod
    def of(cls, config: PredictConfig) -> "PredictionSettings":
        """Those of the command."""
        output = OutputSettings(config.out, config.force, config.json_output)
        form = None if config.image_format is None else EXTENSIONS.get(f".{config.image_format}", "NPY")
        dtype = None if config.dtype is None else np.dtype(config.dtype)
        sigma = None if config.sigma == AUTO else Amount.parse(config.sigma)
        strength, source = Strength(sigma, config.strength), NetworkSettings.of(config)
        return cls(source, config.data, config.mask, output, form, dtype, config.before_after, strength)
