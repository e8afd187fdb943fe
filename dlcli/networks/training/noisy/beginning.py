"""Training on noisy images goes on from a network in the box, which is better at denoising than they make one soon.

BSD68 after training on 400 photographs with noise of 25, cut at 0 and 255: from nothing 28.31 dB after 3,400 steps,
from the box 28.67 after 500. A stack of few photons, 40 frames of 256 x 256, gains 8.0 dB from nothing after 300 steps,
and 8.9 from the box after 100.
"""

from pathlib import Path

from dlcli.config.images.options import BUNDLED, NO_INIT, Method
from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.engine.progress import Progress
from dlcli.runs.bundled import BY_CHANNELS, names
from dlcli.text import counted

SHAPE = frozenset(
    ("arch", "filters", "kernel", "stride", "depth", "skip", "unshuffle", "activation", "dropout", "head")
)  # fmt: skip
NAME = "denoise"


def with_beginning(
    config: TrainDeconvConfig, method: Method | None, channels: int, progress: Progress
) -> TrainDeconvConfig:
    """``config`` with what --init is where it says nothing: for noisy images the network in the box that fits.

    Only where the network is told how much noise there is, as that in the box is: not by every ``method``, which is
    None where images are clean. That, or why there is none, is told.
    """
    if config.init is not None or method is None:
        return config
    name = BY_CHANNELS[NAME].get(channels)
    if given := sorted(SHAPE & config.model_fields_set):
        progress.note(f"a network begins anew, as --{given[0]} is given; without it one in the box is adapted")
    elif method != "recorrupted":
        progress.note(f"a network begins anew, as those in the box are told the noise, and by {method} none is")
    elif name is None or name not in names():
        progress.note(f"a network begins anew: the box has none for {counted(channels, 'channel')}")
    else:
        progress.note(f"starts from {BUNDLED}{name}, which is adapted; --init none trains from nothing")
        return config.model_copy(update={"init": Path(BUNDLED + name)})
    return config.model_copy(update={"init": Path(NO_INIT)})
