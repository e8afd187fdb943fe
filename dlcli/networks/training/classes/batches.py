"""Training batches of classification: whole images of one size, augmented, and what should be said of them."""

import numpy as np
import torch

from dlcli.images.crops import CropSampler
from dlcli.networks.data.batch import Batch
from dlcli.networks.data.pool import moved
from dlcli.networks.training.batches import crops_on, generator_for
from dlcli.networks.training.classes.photographs import jittered, moved_and_mirrored
from dlcli.networks.training.classes.shifts import shifted
from dlcli.networks.training.classes.targets import class_weights, mixed, soft_targets
from dlcli.networks.training.settings import BatchSettings, ClassSettings

MIXING = 4  # tells its stream of random numbers from those of the crops and of dropout


class ClassBatches:
    """Batches for classification: whole images of one size, and their classes.

    With ``weights`` (K,) of the classes, smoothing or mixing the target of an image is a row of shares of all classes,
    times its weight; else the number of its class.
    """

    def __init__(self, sampler: CropSampler, settings: BatchSettings, device: str, classes: ClassSettings) -> None:
        """The images of ``sampler``; raises DlcliError where ``classes`` weighs one that they are not of."""
        self.sampler, self.augment, self.device, self.seed = sampler, settings.augment, device, settings.seed
        self.settings = classes
        labels = sampler.sets[0].labels
        assert labels is not None
        self.labels = torch.from_numpy(labels).to(device)
        names = sampler.sets[0].classes
        self.classes, self.weights = len(names), None
        if classes.weight is not None:
            self.weights = torch.tensor(class_weights(classes.weight, labels, names), dtype=torch.float32).to(device)
        self._crops = crops_on(sampler, device)

    def __call__(self, step: int, size: int) -> Batch:
        """Batch ``step``; the same numbers give the same batch."""
        settings = self.settings
        pixels = self._crops.batch(step, size)[0].to(torch.float32).div_(255)
        labels = self.labels[moved(torch.tensor(self.sampler.indices(step, size)), self.device)]
        generator = generator_for(self.seed, step, "cpu")
        if self.augment == "shifts":
            pixels = shifted(pixels, generator)
        elif self.augment == "photos":
            pixels = moved_and_mirrored(pixels, generator)
        if settings.jitter:
            pixels = jittered(pixels, settings.jitter, generator)
        mixes = settings.mixup or settings.cutmix
        if self.weights is None and not settings.smoothing and not mixes:
            return Batch(pixels, None, labels)
        targets = soft_targets(labels, self.classes, settings.smoothing)
        if self.weights is not None:
            targets = targets * self.weights[labels, None]
        if mixes:
            chance = np.random.default_rng((self.seed, MIXING, step))
            pixels, targets = mixed(pixels, targets, (settings.mixup, settings.cutmix), chance)
        return Batch(pixels, None, targets)
