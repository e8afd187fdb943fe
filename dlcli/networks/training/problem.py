"""What a network is trained on: batches, loss and validation, for restoration and for classes."""

from dataclasses import dataclass

import torch

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.degradations.base import Degradation
from dlcli.degradations.mask import Inpaint
from dlcli.degradations.task import Restoration
from dlcli.errors import DlcliError
from dlcli.images.crops import CropSampler
from dlcli.images.image_set import ImageSet
from dlcli.networks.data.batch import Batches
from dlcli.networks.data.load import TrainingImages
from dlcli.networks.data.regions import make_regions
from dlcli.networks.data.split import ENOUGH_CLASS_IMAGES
from dlcli.networks.losses.base import Objective
from dlcli.networks.losses.cross_entropy import binary_cross_entropy_of_scores
from dlcli.networks.losses.supervised import LOSSES, SupervisedLoss
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.training.batches import ClassBatches, RestorationBatches
from dlcli.networks.training.plan import NetworkPlan
from dlcli.networks.training.validation import MAX_CLASS_IMAGES, ClassValidation, RestorationValidation, levels_of

Validation = RestorationValidation | ClassValidation


@dataclass(frozen=True)
class Counts:
    """How many images train and are held out; of how many of those that train a part is held out, too."""

    train: int
    val: int = 0
    lent: int = 0
    small: tuple[int, ...] = ()  # numbers of the images that were meant to train, and are too small


@dataclass(frozen=True)
class Problem:
    """A network, and all that its training needs to be told."""

    network: DeconvNet
    batches: Batches
    objective: Objective
    validate: Validation | None
    counts: Counts
    selects: bool  # whether the weights to save are chosen by validation; else they are the last ones
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def make_problem(
    config: TrainDeconvConfig,
    plan: NetworkPlan,
    images: TrainingImages,
    restoration: Restoration,
    device: str,
    *,
    amp: bool,
    measure: Validation | None = None,
) -> Problem:
    """Build the network and everything around it, on ``device``; ``measure`` is taken from a problem that is alike."""
    network = _network(plan, device)
    measured = _network(plan, device) if images.val and measure is None else None
    loss = LOSSES[plan.loss]
    flips = plan.augment == "flips"
    by_scores = plan.loss == "bce" and network.ends_in_sigmoid
    minimized = binary_cross_entropy_of_scores if by_scores else loss
    network.ends_in_sigmoid &= not by_scores

    degradation = restoration.degradation(crops=True)
    objective = Objective(SupervisedLoss(minimized), degradation)
    if config.task == "classify":
        sampler = CropSampler([images.train], plan.side, 0, flips=flips, seed=config.seed)
        validate = measure
        if measured and images.val:
            validate = ClassValidation(measured, images.val, device, amp, MAX_CLASS_IMAGES)
        held = len(images.val) if images.val else 0
        few = 0 < held < ENOUGH_CLASS_IMAGES
        selects = not few or config.early_stop is not None
        done = "the last ones are saved" if not selects else "yet --early-stop asks for it"
        warning = (
            f"{held} validation images are too few to choose weights by: {done}; {ENOUGH_CLASS_IMAGES} or more, by "
            "more images or a larger --val, would do"
        )
        batches = ClassBatches(sampler, plan.augment, device, config.seed)
        counts = Counts(len(images.train), held)
        return Problem(network, batches, objective, validate, counts, selects, images.notes, (warning,) * few)
    _check_mask(degradation, images.val)
    side = -(-plan.side // degradation.multiple) * degradation.multiple
    margin = 0 if images.train_inputs else degradation.margin
    levels = len(levels_of(degradation))
    regions = make_regions(images, side, margin, degradation.multiple, levels)
    sampler = CropSampler(regions.train, side, margin, flips=flips, seed=config.seed)
    checked = measure
    if measured and regions.checked:
        border = restoration.scale if config.task == "upscale" else 0
        checked = RestorationValidation(
            measured, regions.checked, degradation, loss, border, config.seed_of_data, device, amp
        )
    crops = RestorationBatches(sampler, degradation, device, config.seed)
    counts = Counts(len(regions.train[-1]), regions.held, regions.lent, regions.small)
    notes = images.notes + regions.notes
    return Problem(network, crops, objective, checked, counts, True, notes, regions.warnings)


def _check_mask(degradation: Degradation, held: ImageSet | None) -> None:
    """Raises DlcliError for a mask of another size than the images: training tiles it, eval and predict can't."""
    if held is None or not isinstance(degradation, Inpaint) or (mask := degradation.mask) is None:
        return
    for i in range(len(held)):
        if held.shape(i) != mask.shape:
            have, need = ("x".join(map(str, shape)) for shape in (mask.shape, held.shape(i)))
            raise DlcliError(f"the mask is {have}, the image {need}", "give a mask of the image's height and width")


def _network(plan: NetworkPlan, device: str) -> DeconvNet:
    network = DeconvNet(plan.spec).to(device)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
