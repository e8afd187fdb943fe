"""One noisy image, a few, or a short stack: too little to learn from anew, so that a network in the box is adapted."""

from pathlib import Path

from dlcli.config.images.options import BUNDLED, NO_INIT
from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.engine.progress import Progress
from dlcli.networks.data.load import TrainingImages
from dlcli.runs.bundled import BY_CHANNELS, names
from dlcli.text import counted

FEW, PIXELS = 8, 8 << 20  # images, and what they have together, that are few
# Pixels that are little in however many images. A stack of few photons, 40 frames of 256 x 256: 8.0 dB by 300 steps of
# a network that begins anew, 8.8 by the one in the box as it is; BM3D, told gain, offset and read noise, 8.1.
LITTLE = 4 << 20
SHAPE = frozenset(
    ("arch", "filters", "kernel", "stride", "depth", "skip", "unshuffle", "activation", "dropout", "head")
)  # fmt: skip
NAME = "denoise"


def with_beginning(config: TrainDeconvConfig, images: TrainingImages, progress: Progress) -> TrainDeconvConfig:
    """``config`` with what --init is where it says nothing: for a few noisy images the network in the box that fits.

    That, or why there is none, is told.
    """
    if config.init is not None or config.targets != "noisy" or not _few(images):
        return config
    count, channels = _count(images), images.train.channels
    size = f" of {_pixels(images) / 1e6:.2g} megapixels in all" if count > FEW else ""
    few = f"{counted(count, 'image')}{size} {'is' if count == 1 else 'are'} little to learn from"
    name = BY_CHANNELS[NAME].get(channels)
    if given := sorted(SHAPE & config.model_fields_set):
        progress.note(
            f"{few}, yet a network begins anew, as --{given[0]} is given; without it one in the box is adapted"
        )
    elif name is None or name not in names():
        progress.note(f"{few}, yet a network begins anew: the box has none for {counted(channels, 'channel')}")
    else:
        progress.note(f"{few}: starts from {BUNDLED}{name}, which is adapted; --init none trains from nothing")
        return config.model_copy(update={"init": Path(BUNDLED + name)})
    return config.model_copy(update={"init": Path(NO_INIT)})


def _count(images: TrainingImages) -> int:
    """How many there are, with those that are held out."""
    return len(images.train) + (len(images.val) if images.val and not images.parts else 0)


def _few(images: TrainingImages) -> bool:
    """Whether these are few: by their number and by their pixels, as one large mosaic is plenty."""
    return _pixels(images) <= (PIXELS if _count(images) <= FEW else LITTLE)


def _pixels(images: TrainingImages) -> int:
    """Of all that train."""
    train = images.train
    return sum(h * w for h, w in map(train.shape, range(len(train))))
