"""Notes before a network's training, and warnings of a result that could mislead."""

from collections.abc import Collection

from dlcli.degradations.task import INPUT_IS_BASE
from dlcli.images.image_set import ImageSet
from dlcli.networks.data.load import TrainingImages
from dlcli.networks.training.problem import Problem
from dlcli.networks.training.record import Outcome
from dlcli.networks.training.validation import ClassValidation, RestorationValidation

FEW_STEPS = 100  # below, no preset has learned more than a rough smoothing


def what_trains(task: str, images: TrainingImages, problem: Problem, crop: int) -> str:
    """One line: how many images train and are held out, their size, color and depth, and the crop."""
    counts, image_set = problem.counts, images.train
    held = f"{counts.val:,} held out" if counts.val else "none held out"
    if isinstance(problem.validate, RestorationValidation):
        validate = problem.validate
        levels = f" at {len(validate.levels)} noise levels" if len(validate.levels) > 1 else ""
        held += f" ({validate.count} crops measured{levels})"
    if isinstance(problem.validate, ClassValidation) and problem.validate.count < counts.val:
        held += f" ({problem.validate.count:,} measured)"
    what = "pairs" if images.train_inputs else "images"
    classes = f" of {len(image_set.classes)} classes" if task == "classify" else ""
    parts = f"whole, {crop} x {crop}" if task == "classify" else f"crops of {crop} x {crop}"
    size = "" if task == "classify" else f"{_sizes(image_set, counts.small)} pixels, "
    depth = "8 bits" if image_set.bits == 8 else f"{image_set.bits} bits read as 8"
    color = "gray" if image_set.channels == 1 else "color"
    return f"{counts.train:,} {what}{classes} train, {held}; {size}{color}, {depth}; {parts}"


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
            f"{last.step:,} steps are too few for a network to learn much: give it {FEW_STEPS} or more, by --steps "
            "or --minutes"
        )
    measured = problem.validate is not None and problem.selects and best.val_loss is not None
    if measured and best.step == 0 and last.step > 0:
        found.append(
            "the weights that are saved are those of step 0, before any training: no later report had a lower "
            "validation loss; give more steps, a smaller --lr, or more images"
        )
    if isinstance(problem.validate, RestorationValidation):
        found += _of_restoration(problem.validate, outcome.about.task)
    if isinstance(problem.validate, ClassValidation):
        found += _of_classes(problem.validate)
    return found


def _of_restoration(validate: RestorationValidation, task: str) -> list[str]:
    if validate.kept is None or task == "reconstruct":
        return []
    if validate.unchanged():
        given = "returns its input: predict would change no pixel"
        estimate = "adds nothing to the simple estimate that it starts from: predict would return that estimate"
        return [f"the network {given if task in INPUT_IS_BASE else estimate}; give more steps, or another --lr"]
    metrics, better = validate.kept.metrics, "give more steps, or more images like those that it is for"
    if metrics["psnr"] <= metrics["input_psnr"]:
        both = f"{metrics['psnr']:.2f} dB, the input {metrics['input_psnr']:.2f} dB"
        return [f"the network restores no better than its input, on what was held out: {both}; {better}"]
    worse = [level for level in validate.by_level() if level.psnr < level.input_psnr]
    return [
        f"at sigma {level.sigma:.3g} the network makes images worse: {level.psnr:.2f} dB where the input has "
        f"{level.input_psnr:.2f} dB; {better}"
        for level in worse
    ]


def _of_classes(validate: ClassValidation) -> list[str]:
    matrix = validate.confusion()
    if not matrix.sum() or not len(validate.kept):
        return []
    largest, right = int(matrix.sum(axis=1).max()), int(matrix.trace())
    if right > largest:
        return []
    return [
        f"the network is right on {right:,} of {int(matrix.sum()):,} images held out, and always saying the largest "
        f"class would be on {largest:,}: give more steps, or more images"
    ]
