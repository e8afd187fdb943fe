"""The degradation that a restoration task undoes, from settings and from a saved model."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.degradations.base import Degradation, Identity
from dlcli.degradations.blur import Deblur
from dlcli.degradations.downsample import Upscale
from dlcli.degradations.kernels import parse_blur
from dlcli.degradations.mask import Inpaint
from dlcli.degradations.noise import Denoise, Poisson
from dlcli.errors import DlcliError

MASK = "mask"
INPUT_IS_BASE = ("denoise", "pairs")  # tasks whose networks start from the input itself, not from an estimate by it


@dataclass(frozen=True)
class Restoration:
    """A restoration task: its name and constants, with the kernels and mask as arrays, so that a model holds all."""

    task: str
    sigma: tuple[float, float] = (0.0, 0.0)
    poisson: float | None = None
    scale: int = 2
    holes: float = 0.5
    arrays: dict[str, NDArray[Any]] | None = None

    @classmethod
    def of_config(cls, config: TrainDeconvConfig) -> "Restoration":
        """The task of a config. Raises DlcliError for a kernel or mask that can't be read."""
        arrays: dict[str, NDArray[Any]] = {}
        if config.task == "deblur":
            arrays = {f"kernel.{i}": k.astype(np.float32) for i, k in enumerate(parse_blur(config.blur))}
        if config.task == "inpaint" and config.mask is not None:
            from dlcli.images.formats.codecs import read_pixels

            arrays = {MASK: (read_pixels(config.mask, str(config.mask), 1)[..., 0] > 127).astype(np.uint8)}
        return cls(config.task, config.sigma_range, config.poisson, int(config.scale), config.holes, arrays)

    @classmethod
    def of_saved(cls, task: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> "Restoration":
        """The task of a saved model. Raises DlcliError when its description lacks something."""
        try:
            poisson = task["poisson"]
            return cls(
                str(task["task"]), (float(task["sigma"][0]), float(task["sigma"][1])),
                None if poisson is None else float(poisson), int(task["scale"]), float(task["holes"]), arrays,
            )  # fmt: skip
        except (KeyError, TypeError, ValueError, IndexError):
            raise DlcliError("the model file is damaged: it does not say its task", "train it again") from None

    def to_json(self) -> dict[str, Any]:
        """What ``of_saved`` reads, without the arrays."""
        return {
            "task": self.task, "sigma": list(self.sigma), "poisson": self.poisson, "scale": self.scale,
            "holes": self.holes,
        }  # fmt: skip

    def degradation(self, *, crops: bool = False) -> Degradation:
        """How clean images are degraded, and degraded ones prepared; ``crops`` for training on parts of images."""
        arrays = self.arrays or {}
        if self.task == "denoise":
            return Poisson(self.poisson) if self.poisson is not None else Denoise(*self.sigma)
        if self.task == "deblur":
            kernels = [arrays[name].astype(np.float64) for name in sorted(arrays, key=lambda n: int(n.split(".")[1]))]
            return Deblur([k / k.sum() for k in kernels], self.sigma[0])
        if self.task == "upscale":
            return Upscale(self.scale)
        if self.task == "inpaint":
            return Inpaint(mask=arrays[MASK] > 0, tiled=crops) if MASK in arrays else Inpaint(self.holes)
        return Identity()
