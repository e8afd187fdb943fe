"""Notes before a network's training, and warnings of a result that could mislead."""

from collections.abc import Collection

from dlcli.images.image_set import ImageSet
from dlcli.networks.data.load import TrainingImages
from dlcli.networks.training.problem import Problem
from dlcli.networks.training.record import Outcome
from dlcli.text import counted

FEW_STEPS = 100  # below, no preset has learned more than a rough smoothing


def what_trains(task: str, images: TrainingImages, problem: Problem, crop: int) -> str:
    """One line: how many images train and are held out, their size, color and depth, and the crop."""
    counts, image_set = problem.counts, images.train
    held = f"{counts.val:,} held out" if counts.val else "none held out"
    held = "a part held out" if images.parts else held
    held += problem.validate.scope(counts.val) if problem.validate else ""
    classes = f" of {len(image_set.classes)} classes" if task == "classify" else ""
    what = "pair" if images.train_inputs else "image"
    trained = f"{counted(counts.train, what)}{classes} {'train' if counts.train > 1 else 'trains'}"
    parts = f"whole, {crop} x {crop}" if task == "classify" else f"crops of {crop} x {crop}"
    size = "" if task == "classify" else f"{_sizes(image_set, counts.small)} pixels, "
    depth = f"{8 * image_set.dtype.itemsize} bits" + (" (floats)" if image_set.dtype.kind == "f" else "")
    color = {1: "gray", 3: "color"}.get(image_set.channels, f"{image_set.channels} channels")
    return f"{trained}, {held}; {size}{color}, {depth}; {parts}"


def _sizes(image_set: ImageSet, small: Collection[int]) -> str:
    """Those of the images that train, which the ``small`` ones don't."""
    shapes = {image_set.shape(i) for i in range(len(image_set)) if i not in small}
    (low, narrow), (high, wide) = min(shapes), max(shapes)
    return f"{narrow} x {low}" + ("" if len(shapes) == 1 else f" to {wide} x {high}")


def shortcomings(outcome: Outcome) -> list[str]:
    """Lines on what the saved weights don't do, and what would help."""
    problem, best, last = outcome.problem, outcome.best, outcome.last
    found = []
    if last.step < FEW_STEPS:
        found.append(
            f"a network learns little in {counted(last.step, 'step')}: give it {FEW_STEPS} or more, by --steps "
            "or --minutes"
        )
    measured = problem.validate is not None and problem.selects and best.val_loss is not None
    if measured and best.step == 0 and last.step > 0:
        found.append(
            "the weights that are saved are those of step 0, before any training: no later report had a lower "
            "validation loss; give more steps, a smaller --lr, or more images"
        )
    if problem.validate is not None:
        found += problem.validate.shortcomings(outcome.about.task)
    return found
