"""The degradation that a restoration task undoes, from settings and from a saved model."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dlcli.config.values.blur import BlurRange
from dlcli.config.values.noise_kind import CAMERA
from dlcli.config.values.quality import QualityRange
from dlcli.degradations.base import Degradation, Identity
from dlcli.degradations.blind import BlindDeblur, Ranged
from dlcli.degradations.blur import Deblur
from dlcli.degradations.camera import CameraNoise
from dlcli.degradations.downsample import Upscale
from dlcli.degradations.jpeg import Jpeg
from dlcli.degradations.kernels import parse_blur
from dlcli.degradations.lines import LineNoise
from dlcli.degradations.mask import Inpaint
from dlcli.degradations.noise import Denoise, Poisson, PoissonGaussian
from dlcli.engine.arrays import AnyArray
from dlcli.errors import DlcliError
from dlcli.files import JsonObject

MASK = "mask"
BOTH, MEASURED = "poisson-gaussian", "measured"  # kinds of noise, beside that of a camera
GAIN, INTERCEPT, CORRELATION, COLORS = "noise.gain", "noise.intercept", "noise.correlation", "noise.colors"
# Tasks whose networks start from the input itself, not from an estimate by it.
INPUT_IS_BASE = ("denoise", "pairs", "dejpeg")


@dataclass(frozen=True)
class ByChannel:
    """What is known of the noise of each channel.

    ``weights`` multiply its deviation, where the ranges of channels differ. ``line``: of noisy images that a network
    was trained on, the gains and the intercepts of the variance by brightness, on the network's scale, and the
    autocorrelation where neighbors share noise.
    """

    weights: tuple[float, ...] = ()
    line: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class Restoration:
    """A restoration task: its name and constants, with the kernels and mask as arrays, so that a model holds all.

    ``sigma`` takes the range of the images for 255. ``deep``: images have more than 8 bits. ``blur`` is --blur; a range
    of blurs has no kernels. ``noise_map``: the network is told how much noise there is. ``noise`` is its kind where it
    isn't white and of one level, or of photons alone: "camera", "poisson-gaussian", or "measured", whose lines are
    among the arrays. ``quality`` is the range of dejpeg.
    """

    task: str
    sigma: tuple[float, float] = (0.0, 0.0)
    poisson: float | None = None
    scale: int = 2
    holes: float = 0.5
    arrays: dict[str, AnyArray] | None = None
    by_channel: ByChannel = ByChannel()
    deep: bool = False
    blur: str = ""
    noise_map: bool = False
    noise: str = ""
    quality: QualityRange | None = None

    @property
    def weights(self) -> tuple[float, ...]:
        """Of each channel's deviation."""
        return self.by_channel.weights

    @property
    def line(self) -> tuple[tuple[float, ...], ...]:
        """Of the noisy images that it was trained on."""
        return self.by_channel.line

    @property
    def told_range(self) -> tuple[float, float]:
        """The least and the largest deviation that the network is told of, 0 to 255."""
        low, high = self.sigma
        return (low, math.hypot(high, 255 * self.poisson**-0.5)) if self.poisson and self.noise == BOTH else (low, high)

    @property
    def blurs(self) -> BlurRange | None:
        """The range of blurs that a blind network is for."""
        return None if self.task != "deblur" or self.arrays else BlurRange.parse(self.blur)

    @classmethod
    def of_saved(cls, task: JsonObject, arrays: dict[str, AnyArray]) -> "Restoration":
        """The task of a saved model. Raises DlcliError when its description lacks something."""
        try:
            poisson = task["poisson"]
            return cls(
                str(task["task"]), (float(task["sigma"][0]), float(task["sigma"][1])),
                None if poisson is None else float(poisson), int(task["scale"]), float(task["holes"]), arrays,
                ByChannel(
                    tuple(float(weight) for weight in task.get("weights", ())),
                    tuple(tuple(float(value) for value in part) for part in task.get("line", ())),
                ),
                bool(task.get("deep", False)), str(task.get("blur", "")), bool(task.get("noise_map", False)),
                str(task.get("noise", "")),
                QualityRange(*map(int, task["quality"])) if "quality" in task else None,
            )  # fmt: skip
        except (KeyError, TypeError, ValueError, IndexError):
            raise DlcliError("the model file is damaged: it does not say its task", "train it again") from None

    def to_json(self) -> JsonObject:
        """What ``of_saved`` reads, without the arrays."""
        fields = {
            "task": self.task, "sigma": list(self.sigma), "poisson": self.poisson, "scale": self.scale,
            "holes": self.holes,
        }  # fmt: skip
        weights = {"weights": list(self.weights)} if self.weights else {}
        blur = {"blur": self.blur} if self.blur else {}
        line = {"line": [list(part) for part in self.line]} if self.line else {}
        marks = {name: True for name in ("deep", "noise_map") if getattr(self, name)}
        kind = {"noise": self.noise} if self.noise else {}
        quality = {"quality": [self.quality.low, self.quality.high]} if self.quality else {}
        return fields | weights | marks | blur | kind | line | quality

    def degradation(self, *, crops: bool = False) -> Degradation:
        """How clean images are degraded, and degraded ones prepared; ``crops`` for training on parts of images."""
        arrays = self.arrays or {}
        if self.task == "denoise":
            return self._noise(arrays)
        if self.blurs is not None:
            return BlindDeblur(Ranged(self.blurs), Denoise(*self.sigma, self.weights))
        if self.task == "deblur":
            kernels = [arrays[name].astype(np.float64) for name in sorted(arrays, key=lambda n: int(n.split(".")[1]))]
            return Deblur([k / k.sum() for k in kernels], self.sigma[0], self.weights)
        if self.task == "dejpeg":
            if self.quality is None:
                raise DlcliError("dejpeg lacks its quality", "give one")
            return Jpeg(self.quality.low, self.quality.high, moved=crops)
        if self.task == "upscale":
            return Upscale(self.scale, self.deep)
        if self.task == "inpaint":
            return Inpaint(mask=arrays[MASK] > 0, tiled=crops) if MASK in arrays else Inpaint(self.holes)
        return Identity()

    def _noise(self, arrays: dict[str, AnyArray]) -> Degradation:
        if self.noise == CAMERA:
            return CameraNoise(*self.sigma, told=self.noise_map)
        if self.noise == MEASURED:
            correlation = arrays[CORRELATION].ravel().tolist() if CORRELATION in arrays else []
            gain, intercept = (arrays[name].astype(np.float64) for name in (GAIN, INTERCEPT))
            colors = arrays[COLORS].astype(np.float64) if COLORS in arrays else None
            return LineNoise(gain, intercept, tuple(correlation), self.noise_map, colors=colors)
        if self.poisson is None:
            return Denoise(*self.sigma, self.weights, self.noise_map)
        if self.noise == BOTH:
            return PoissonGaussian(*self.sigma, self.weights, self.noise_map, self.poisson)
        return Poisson(self.poisson)


def kernel_arrays(blur: str) -> dict[str, AnyArray]:
    """The kernels of ``--blur``, as a model holds them; none for a range. Raises DlcliError for a bad file."""
    if BlurRange.parse(blur) is not None:
        return {}
    return {f"kernel.{i}": kernel.astype(np.float32) for i, kernel in enumerate(parse_blur(blur))}


def mask_arrays(path: Path) -> dict[str, AnyArray]:
    """The mask in an image, as a model holds it. Raises DlcliError for a file that can't be read."""
    from dlcli.images.formats.codecs import read_pixels

    return {MASK: (read_pixels(path, str(path), 1)[..., 0] > 127).astype(np.uint8)}
