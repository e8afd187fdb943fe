"""A saved image network in Python."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dlcli.api.told import Told
from dlcli.config.evaluate import AUTO, PredictConfig
from dlcli.engine.arrays import AnyArray
from dlcli.networks.inference.in_memory import ArrayRestorer
from dlcli.networks.inference.settings import PredictionSettings


class ImageModel:
    """A network that ``dlcli train-deconv`` saved in ``run``, or ``bundled:NAME``."""

    def __init__(self, run: Path) -> None:
        """Raises DlcliError for a run without a network that restores."""
        self.run = run
        self._restorer = ArrayRestorer.of(_settings(run, {}))

    def __repr__(self) -> str:
        trained = self._restorer.trained
        channels = sorted({trained.channels, *self._restorer.others})
        return f"<network to {trained.task} images of {' or '.join(map(str, channels))} channels; {self.run}>"

    @property
    def task(self) -> str:
        """What it was trained to do: denoise, deblur, upscale, inpaint..."""
        return self._restorer.trained.task

    def restore(
        self, images: AnyArray, *, mask: AnyArray | None = None, sigma: float | str = AUTO, strength: float = 1.0,
        axes: str | None = None, kernel: int | None = None,
    ) -> AnyArray:  # fmt: skip
        """What ``dlcli predict`` makes of an array in a .npy file: one of the same type and order of axes.

        ``images`` are (H, W), (H, W, C), (N, H, W) or (N, H, W, C) of whole or floating-point numbers on their own
        scale; ``axes`` names other dimensions, such as ``TZYX``. ``mask`` (H, W) is true where pixels are to be filled
        in; ``sigma``, ``strength`` and ``kernel`` as in the command. Raises DlcliError for what can't be restored; what
        the command would tell on standard error are warnings.
        """
        told = Told()
        missing = None if mask is None else np.asarray(mask).astype(np.bool_)
        given = {"sigma": sigma, "strength": strength, "axes": axes, "kernel": kernel}
        made = self._restorer.restored(images, _settings(self.run, given), missing, told)
        told.tell(2)
        return made

    predict = restore


def _settings(run: Path, options: Mapping[str, object]) -> PredictionSettings:
    return PredictionSettings.of(PredictConfig.build({"run": run, **options}))
