"""What a network is trained on: batches, loss and validation, for restoration and for classes."""

from dataclasses import dataclass, replace

import torch

from dlcli.degradations.base import Degradation
from dlcli.degradations.task import Restoration
from dlcli.errors import DlcliError
from dlcli.images.crops import CropSampler
from dlcli.images.image_set import ImageSet
from dlcli.images.normalization import EIGHT_BITS, Scales
from dlcli.networks.comparison import Comparison
from dlcli.networks.data.batch import Batches
from dlcli.networks.data.load import TrainingImages
from dlcli.networks.data.noise.measured import noise_of
from dlcli.networks.data.noise.set_noise import SetNoise
from dlcli.networks.data.regions import make_regions
from dlcli.networks.data.split import ENOUGH_CLASS_IMAGES
from dlcli.networks.losses.base import Objective
from dlcli.networks.losses.cross_entropy import binary_cross_entropy_of_scores
from dlcli.networks.losses.supervised import LOSSES, SupervisedLoss
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.start import Start
from dlcli.networks.training.batches import BatchesAhead, RestorationBatches
from dlcli.networks.training.classes.batches import ClassBatches
from dlcli.networks.training.classes.choice import described
from dlcli.networks.training.classes.whitening import whiten
from dlcli.networks.training.linear_estimate import begin_with_linear_estimate
from dlcli.networks.training.noisy.method import batches_and_loss, unweighted
from dlcli.networks.training.noisy.validation import NoisyValidation
from dlcli.networks.training.settings import NetworkPlan
from dlcli.networks.training.validation.base import Validation
from dlcli.networks.training.validation.classes import MAX_CLASS_IMAGES, ClassValidation
from dlcli.networks.training.validation.restoration import MeasureSettings, RestorationValidation


@dataclass(frozen=True)
class Counts:
    """How many images train and are held out; of how many of those that train a part is held out, too."""

    train: int
    val: int = 0
    lent: int = 0
    small: tuple[int, ...] = ()  # numbers of the images that were meant to train, and are too small


@dataclass(frozen=True)
class Problem:
    """A network, and all that its training needs."""

    network: DeconvNet
    batches: Batches
    objective: Objective
    validate: Validation | None
    counts: Counts
    selects: bool  # whether the weights to save are chosen by validation; else they are the last ones
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    scales: Scales = EIGHT_BITS
    start: str | None = None  # the network whose weights it begins with, as --init names it


def make_problem(
    plan: NetworkPlan,
    images: TrainingImages,
    restoration: Restoration,
    measure: Validation | None = None,
    start: Start | None = None,
) -> Problem:
    """Build the network and everything around it; ``measure`` is taken from a problem that is alike.

    ``start`` is what the network's weights begin with. Raises DlcliError for a mask that doesn't fit the images that
    are held out, and a start that doesn't fit the network at all.
    """
    network = _network(plan)
    by_scores = plan.loss == "bce" and network.ends_in_sigmoid
    compare = binary_cross_entropy_of_scores if by_scores else LOSSES[plan.loss]
    network.ends_in_sigmoid &= not by_scores
    objective = Objective(SupervisedLoss(compare), restoration.degradation(crops=True))
    build = _of_classes if restoration.task == "classify" else _of_restoration
    problem = build(plan, images, network, objective, measure)
    if start is None:
        return problem
    return replace(problem, notes=(start.into(network), *problem.notes), start=start.given)


def _of_classes(
    plan: NetworkPlan, images: TrainingImages, network: DeconvNet, objective: Objective, measure: Validation | None
) -> Problem:
    batches = plan.batches
    sampler = CropSampler([images.train], batches.side, 0, flips=batches.augment == "flips", seed=batches.seed)
    held = len(images.val) if images.val else 0
    if measure is None and images.val:
        measure = ClassValidation(_network(plan), images.val, plan.execution, MAX_CLASS_IMAGES)
    few = 0 < held < ENOUGH_CLASS_IMAGES
    selects = not few or plan.limits.patience is not None
    done = "the last ones are saved" if not selects else "yet --early-stop asks for it"
    warning = (
        f"{held} validation images are too few to choose weights by: {done}; {ENOUGH_CLASS_IMAGES} or more, by "
        "more images or a larger --val, would do"
    )
    crops = ClassBatches(sampler, batches, plan.execution.device, plan.classes)
    if plan.classes.whitens:
        whiten(network, images.train)
    counts = Counts(len(images.train), held)
    notes = (*images.notes, described(batches, plan.classes))
    return Problem(network, crops, objective, measure, counts, selects, notes, (warning,) * few, images.scales)


def _of_restoration(
    plan: NetworkPlan, images: TrainingImages, network: DeconvNet, objective: Objective, measure: Validation | None
) -> Problem:
    batches, degradation = plan.batches, objective.degradation
    _check_mask(degradation, images)
    side = -(-batches.side // degradation.multiple) * degradation.multiple
    margin = 0 if images.train_inputs else degradation.margin
    regions = make_regions(images, side, margin, degradation.multiple, len(degradation.levels()))
    sampler = CropSampler(regions.train, side, margin, flips=batches.augment == "flips", seed=batches.seed)
    noise = images.noise.of([i for i in range(len(images.train)) if i not in regions.small]) if images.noise else None
    if noise is not None and regions.checked:
        measure = _of_noisy(plan, regions.checked[-1], noise, images.scales)
    if measure is None and regions.checked:
        settings = MeasureSettings(
            LOSSES[plan.loss], plan.validation.seed, plan.execution,
            Comparison.of(degradation.scale, images.scales.targets), images.scales,
        )  # fmt: skip
        measure = RestorationValidation(_network(plan), regions.checked, degradation, settings)
    make = BatchesAhead if degradation.by_processor else RestorationBatches
    crops: Batches = make(sampler, degradation, plan.execution.device, batches.seed, images.scales)
    if noise is not None:
        crops, loss = batches_and_loss(noise, sampler, plan.execution.device, batches.seed, images.scales.targets)
        objective = replace(objective, loss=loss)
    if plan.spec.linear:
        begin_with_linear_estimate(network, crops if noise is None else unweighted(crops), batches.size)
    counts = Counts(len(regions.train[-1]), regions.held, regions.lent, regions.small)
    notes = images.notes + ((noise.note,) if noise and noise.note else ()) + regions.notes
    return Problem(network, crops, objective, measure, counts, True, notes, regions.warnings, images.scales)


def _of_noisy(plan: NetworkPlan, crops: ImageSet, noise: SetNoise, scales: Scales) -> Validation:
    """The estimate on crops of images that are held out, whose noise is that of all, or measured, too."""
    own = noise if len(noise.gain) == 1 else replace(noise_of(crops, scales.targets), method=noise.method)
    return NoisyValidation(_network(plan), crops, own, scales.targets, plan.validation.seed, plan.execution)


def _check_mask(degradation: Degradation, images: TrainingImages) -> None:
    """Raises DlcliError for a mask of another size than the images: training tiles it, eval and predict can't."""
    mask, held = degradation.mask, images.val
    if held is None or mask is None:
        return
    for whole in images.parts.whole if images.parts else map(held.shape, range(len(held))):
        if whole != mask.shape:
            have, need = ("x".join(map(str, shape)) for shape in (mask.shape, whole))
            raise DlcliError(f"the mask is {have}, the image {need}", "give a mask of the image's height and width")


def _network(plan: NetworkPlan) -> DeconvNet:
    network = DeconvNet(plan.spec).to(plan.execution.device)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
