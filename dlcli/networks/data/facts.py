"""What a plan depends on of the images."""

from dataclasses import dataclass

from dlcli.degradations.task import Restoration
from dlcli.networks.data.load import TrainingImages
from dlcli.networks.data.looks import ground_of


@dataclass(frozen=True)
class ImageFacts:
    """What a plan depends on of ``count`` training images, half of which have room for crops of ``side`` pixels.

    ``inputs`` are the channels that the network is given of images of ``channels``; ``held_out`` is the fraction of
    the images that validation has. ``photographs``: images of classes look like some;
    ``ground`` is the value of what is around what they show, 0 to 1; ``pixels`` is how many they have in all;
    ``noise_map`` the most noise that the network is told of, 0 where it isn't told.
    """

    inputs: int
    channels: int
    classes: int
    count: int
    side: int
    held_out: float | None = None
    photographs: bool = False
    ground: float = 0.0
    pixels: int = 0
    noise_map: float = 0.0

    @classmethod
    def of(cls, images: TrainingImages, restoration: Restoration) -> "ImageFacts":
        """Those of images that are to be trained on."""
        channels = images.train.channels
        classes = len(images.train.classes) if restoration.task == "classify" else 0
        inputs = channels if classes else restoration.degradation().input_channels(channels)
        photographs = bool(classes) and images.photographs
        ground = ground_of(images.train) if classes else 0.0
        count = len(images.train)
        pixels = sum(height * width for height, width in map(images.train.shape, range(count)))
        told = restoration.told_range[1] / 255 if restoration.noise_map else 0.0
        return cls(inputs, channels, classes, count, images.side, images.fraction, photographs, ground, pixels, told)
