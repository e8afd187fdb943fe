"""``dlcli eval`` and ``dlcli predict`` of a network that classifies."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from dlcli.engine.arrays import FloatArray
from dlcli.engine.device import describe_device
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.files import valid_text, write_atomic
from dlcli.images.image_set import ImageSet, Skipped, open_image_set
from dlcli.images.normalization import EIGHT_BIT, Normalization
from dlcli.networks.data.load import report_skipped, warn_of_skipped
from dlcli.networks.data.squares import SHRUNK, same_size, shrunk
from dlcli.networks.inference.held_out import images_without_data
from dlcli.networks.inference.scaling import fitted_to_set
from dlcli.networks.inference.settings import EvaluationSettings, PredictionSettings
from dlcli.networks.inference.trained import TrainedNetwork, exactly
from dlcli.networks.metrics import CLASS_METRICS
from dlcli.networks.tensors import batch_to_tensor, float64
from dlcli.networks.training.report import MATRIX_CLASSES
from dlcli.networks.training.settings import ExecutionSettings
from dlcli.networks.training.validation.classes import ClassValidation, qualities_of
from dlcli.reports.checks import outcomes, parse_checks
from dlcli.reports.document import environment
from dlcli.reports.evaluate import ClassificationReport, Mistake, SkippedImage
from dlcli.reports.head import evaluation_head, prediction_head
from dlcli.reports.measured_on import MeasuredOn
from dlcli.reports.predict import ClassifiedReport
from dlcli.tables.predictions import check_output, write_predictions
from dlcli.text import listed, printable, printable_path

if TYPE_CHECKING:
    import polars as pl

BATCH = 256
MISTAKES = 100  # that a report lists


def evaluate_classes(
    settings: EvaluationSettings, trained: TrainedNetwork, progress: Progress, start: float
) -> ClassificationReport:
    """The metrics of a classifier, with the confusion matrix and its most confident mistakes.

    ``start`` (time.monotonic) is when the command began.
    Raises DlcliError for options that only restoration has, and for classes that the network doesn't know.
    """
    checks = parse_checks(settings.conditions, tuple(metric.name for metric in CLASS_METRICS))
    for name, value in (("--compare", settings.compare), ("--sigma", settings.sigma), ("--tile", settings.source.tile)):
        if value:
            raise DlcliError(f"{name} is for networks that restore images, and this one classifies", "leave it out")
    image_set, on = classed_images(settings, trained, progress)
    measure = ClassValidation(trained.network, image_set, ExecutionSettings(trained.device), None)
    with exactly():
        metrics = measure(None)
    _draw_mistakes(settings.mistakes, measure, progress)
    return ClassificationReport(
        **evaluation_head(settings.source.run, describe_device(trained.device), settings.seed, start),
        command="eval",
        task=trained.task,
        data=on,
        images=len(image_set),
        skipped=[SkippedImage(name=one.name, why=one.why) for one in image_set.skipped],
        classes=list(trained.classes),
        metrics={"test": metrics},
        mistakes=_mistakes(measure),
        confusion=measure.confusion().counts.tolist() if len(trained.classes) <= MATRIX_CLASSES else None,
        per_class=qualities_of(measure.confusion()),
        checks=outcomes(checks, metrics),
        environment=environment(trained.device, torch.get_num_threads()),
    )


def classed_images(
    settings: EvaluationSettings, trained: TrainedNetwork, progress: Progress
) -> tuple[ImageSet, MeasuredOn]:
    """The images to measure on, as the network takes them, with labels that count its classes.

    Raises DlcliError for images without classes, and for classes that the network doesn't know.
    """
    if settings.data:
        image_set = open_image_set(
            settings.data, channels=trained.channels, labeled=True, part="test", axes=settings.source.axes
        )
        on = MeasuredOn(paths=settings.data, part="given")
    else:
        image_set, _, on = images_without_data(trained, trained.channels, progress)
    # What training held out comes in 8 bits already, by the range of the training.
    scale = scale_for(image_set, trained, progress) if settings.data else EIGHT_BIT
    image_set = as_trained(image_set, trained, scale)
    report_skipped(image_set, progress)
    return image_set, on


def log_probabilities(trained: TrainedNetwork, image_set: ImageSet) -> FloatArray:
    """Logarithms of the classes' probabilities (N, K) of images as the network takes them."""
    with exactly():
        scores = [float64(trained.network(x)) for x in batches(image_set, trained.device)]
        found: FloatArray = torch.log_softmax(torch.cat(scores), dim=1).cpu().numpy()
    return found


def batches(image_set: ImageSet, device: str) -> Iterator[Tensor]:
    """The images as the network takes them, (B, C, H, W)."""
    for start in range(0, len(image_set), BATCH):
        pixels = [image_set.pixels(i) for i in range(start, min(start + BATCH, len(image_set)))]
        yield batch_to_tensor(np.ascontiguousarray(np.stack(pixels).transpose(0, 3, 1, 2)), device)


def scale_for(image_set: ImageSet, trained: TrainedNetwork, progress: Progress) -> Normalization:
    """What becomes black and white of images given, with a line where that is not what it was in training."""
    fit = fitted_to_set(trained.scales, image_set)
    if fit.own:
        progress.note(fit.note(trained.scales))
    return fit.scales.inputs


def as_trained(image_set: ImageSet, trained: TrainedNetwork, scale: Normalization) -> ImageSet:
    """The images as squares of the network's side, with labels that count its classes."""
    assert image_set.labels is not None
    unknown = [name for name in image_set.classes if name not in trained.classes]
    present = {image_set.classes[label] for label in np.unique(image_set.labels)}
    if present & set(unknown):
        raise DlcliError(
            f"the class {printable(next(n for n in unknown if n in present))} is none of those that the network was "
            f"trained on: {listed(trained.classes)}",
            "name the class folders as in training, and leave others out",
        )
    places = {name: place for place, name in enumerate(trained.classes)}
    codes = np.array([places.get(name, 0) for name in image_set.classes], dtype=np.int64)
    squares = same_size(image_set, trained.network.spec.head.side, scale)
    assert squares.labels is not None
    return replace(squares, labels=codes[squares.labels], classes=trained.classes)


def _draw_mistakes(path: Path | None, measured: ClassValidation, progress: Progress) -> None:
    """The sheet of the most confident mistakes, if it is asked for and there are any."""
    if path is None:
        return
    sheet = measured.mistakes_sheet()
    if sheet is None:
        progress.note(f"no image is classified wrongly: there is no --mistakes {printable_path(str(path))}")
    else:
        write_atomic(path, sheet)


def _mistakes(measured: ClassValidation) -> list[Mistake]:
    """The images classified wrongly, the most confident mistakes first."""
    guesses, sure = measured.scores.argmax(1), np.exp(measured.scores.max(1))
    classes = measured.image_set.classes
    return [
        Mistake(
            name=measured.image_set.names[i],
            true_class=classes[measured.labels[i]],
            prediction=classes[guesses[i]],
            probability=float(sure[i]),
        )
        for i in measured.mistakes()[:MISTAKES]
    ]


def predict_classes(
    settings: PredictionSettings, trained: TrainedNetwork, progress: Progress, start: float
) -> ClassifiedReport:
    """Write a row for each image: ``file``, ``prediction``, and ``probability_CLASS`` of each class.

    ``start`` (time.monotonic) is when the command began.
    Raises DlcliError for no DATA, an ``out`` that can't be, and when no image can be read.
    """
    given = {
        "--mask": settings.mask, "--tile": settings.source.tile, "--format": settings.format, "--dtype": settings.dtype,
        "--before-after": settings.sheet,
    }  # fmt: skip
    if name := next((name for name, value in given.items() if value is not None), ""):
        raise DlcliError(f"{name} is for networks that restore images, and this one classifies", "leave it out")
    if not settings.data:
        raise DlcliError("no images to classify were given", "give DATA: a folder, or image files")
    check_output(settings.output)
    image_set = open_image_set(
        settings.data, channels=trained.channels, part="test", axes=settings.source.axes, limits=SHRUNK
    )
    skipped = list(image_set.skipped)
    for note in image_set.notes:
        progress.note(note)
    scale = scale_for(image_set, trained, progress)
    write_predictions(_frames(image_set, trained, scale, skipped), _columns(trained), settings.output.out)
    total = len(image_set) + len(image_set.skipped)
    warn_of_skipped(skipped, total, progress)
    return ClassifiedReport(
        **prediction_head(settings.source.run, settings.output.out, start),
        command="predict",
        device=describe_device(trained.device),
        task=trained.task,
        rows=total - len(skipped),
        images=total - len(skipped),
        skipped=[SkippedImage(name=one.name, why=one.why) for one in skipped],
    )


def _columns(trained: TrainedNetwork) -> dict[str, "pl.DataType"]:
    import polars as pl

    probabilities = {f"probability_{name}": pl.Float64() for name in trained.classes}
    return {"file": pl.String(), "prediction": pl.String(), **probabilities}


def _frames(
    image_set: ImageSet, trained: TrainedNetwork, scale: Normalization, skipped: list[Skipped]
) -> Iterator["pl.DataFrame"]:
    import polars as pl

    for start in range(0, len(image_set), BATCH):
        part = image_set.subset(range(start, min(start + BATCH, len(image_set))))
        squares = shrunk(replace(part, skipped=()), trained.network.spec.head.side, scale)
        skipped += squares.skipped
        if not len(squares):
            continue
        pixels = np.stack([squares.pixels(i) for i in range(len(squares))]).transpose(0, 3, 1, 2)
        with exactly():
            scores = trained.network(batch_to_tensor(np.ascontiguousarray(pixels), trained.device))
            probabilities = torch.softmax(float64(scores), dim=1).cpu().numpy()
        best = np.asarray(trained.classes, dtype=object)[probabilities.argmax(1)]
        columns = [list(map(valid_text, squares.names)), best.tolist(), *probabilities.T]
        yield pl.DataFrame(dict(zip(_columns(trained), columns, strict=True)), schema=_columns(trained))
