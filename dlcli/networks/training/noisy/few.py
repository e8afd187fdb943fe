"""One noisy image, or a few: too little to learn from anew, so that a network in the box is adapted to them."""

from pathlib import Path

from dlcli.config.train_deconv import BUNDLED, NO_INIT, TrainDeconvConfig
from dlcli.engine.progress import Progress
from dlcli.networks.data.load import TrainingImages
from dlcli.runs.bundled import BY_CHANNELS, names
from dlcli.text import counted

FEW, PIXELS = 8, 8 << 20  # images, and what they have together, that are few
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
    few = f"{counted(count, 'image')} {'is' if count == 1 else 'are'} little to learn from"
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
    train = images.train
    return _count(images) <= FEW and sum(h * w for h, w in map(train.shape, range(len(train)))) <= PIXELS
