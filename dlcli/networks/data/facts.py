"""What a plan depends on of the images."""

from dataclasses import dataclass

from dlcli.degradations.task import Restoration
from dlcli.networks.data.load import TrainingImages


@dataclass(frozen=True)
class ImageFacts:
    """What a plan depends on of ``count`` training images, half of which have room for crops of ``side`` pixels.

    ``inputs`` are the channels that the network is given of images of ``channels``; ``held_out`` is the fraction of
    the images that validation has. ``photographs``: images of classes look like some.
    """

    inputs: int
    channels: int
    classes: int
    count: int
    side: int
    held_out: float | None = None
    photographs: bool = False

    @classmethod
    def of(cls, images: TrainingImages, restoration: Restoration) -> "ImageFacts":
        """Those of images that are to be trained on."""
        channels = images.train.channels
        classes = len(images.train.classes) if restoration.task == "classify" else 0
        inputs = channels if classes else restoration.degradation().input_channels(channels)
        photographs = bool(classes) and images.photographs
        return cls(inputs, channels, classes, len(images.train), images.side, images.fraction, photographs)
