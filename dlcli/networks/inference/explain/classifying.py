"""``dlcli explain`` of a network that classifies."""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from dlcli.engine.device import describe_device
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.images.image_set import ImageSet, open_image_set
from dlcli.images.normalization import EIGHT_BIT
from dlcli.networks.data.load import report_skipped
from dlcli.networks.data.squares import same_size
from dlcli.networks.inference.classify import MISTAKES, as_trained, scale_for
from dlcli.networks.inference.explain.classes import told
from dlcli.networks.inference.explain.classes.baseline import baseline_of
from dlcli.networks.inference.explain.classes.by_class import class_maps
from dlcli.networks.inference.explain.classes.maps import INTEGRATED, MISTAKES_SHOWN, Maps, maps_of
from dlcli.networks.inference.explain.classes.pictures import Explaining
from dlcli.networks.inference.explain.classes.selection import Case, Decisions, decided
from dlcli.networks.inference.explain.settings import ExplainingSettings
from dlcli.networks.inference.held_out import images_without_data
from dlcli.networks.inference.trained import TrainedNetwork, exactly
from dlcli.networks.metrics import class_metrics
from dlcli.networks.tensors import batch_to_tensor, float64
from dlcli.reports.document import environment
from dlcli.reports.evaluate import Mistake, SkippedImage
from dlcli.reports.explain.base import Explained
from dlcli.reports.explain.classes import Baseline, ClassesExplanation, Completeness, ExplainedImage
from dlcli.reports.head import evaluation_head
from dlcli.reports.measured_on import MeasuredOn
from dlcli.runs.directory import RunDirectory
from dlcli.text import counted


def explain_classes(
    settings: ExplainingSettings, trained: TrainedNetwork, folder: RunDirectory, progress: Progress
) -> Explained:
    """What the decisions of a network that classifies rest on: of some images, and of each class.

    Raises DlcliError for options that only restoration has, for images that don't fit the network, and where only
    mistakes were asked for of images without classes.
    """
    start = time.monotonic()
    _refuse(settings)
    image_set, on = _images(settings, trained, progress)
    progress.reached(f"looking at {counted(len(image_set), 'image')}")
    decisions = decided(trained, image_set)
    if decisions.labels is None and settings.methods == (MISTAKES_SHOWN,):
        raise DlcliError(
            "--method mistakes needs images whose classes are known", "give class folders, IDX or .npz with labels"
        )
    cases = decisions.cases(settings.top)
    progress.reached(f"explaining {counted(len({case.image for case in cases}), 'image')}")
    baseline = baseline_of(settings.baseline, image_set, trained.device)
    maps = _maps_of_cases(trained, image_set, cases, baseline, settings.methods)
    explaining = Explaining(
        image_set, decisions, cases, maps,
        class_maps(trained, image_set, decisions, baseline, settings.methods) if settings.format != "none" else [],
        settings.methods, settings.baseline, MISTAKES_SHOWN in settings.methods,
    )  # fmt: skip
    progress.reached("")
    labels = decisions.labels
    metrics = {} if labels is None else {"test": class_metrics(decisions.logs.astype(np.float32), labels)}
    against = _baseline(settings, trained, baseline)
    wanted = MISTAKES_SHOWN in settings.methods and labels is not None
    report = ClassesExplanation(
        **evaluation_head(settings.source.run, describe_device(trained.device), settings.seed, start),
        command="explain",
        kind="classes",
        out=str(folder.path),
        data=on,
        methods=list(settings.methods),
        metrics=metrics,
        findings=told.findings(trained, decisions, maps, against),
        pictures=[] if settings.format == "none" else [picture for picture, _ in explaining.pictures()],
        environment=environment(trained.device, torch.get_num_threads()),
        images=len(image_set),
        skipped=[SkippedImage(name=one.name, why=one.why) for one in image_set.skipped],
        classes=list(trained.classes),
        score=told.LOG if trained.network.spec.head.mirrored else told.LOGIT,
        explained=[_explained(number, case, explaining) for number, case in enumerate(cases)],
        baseline=against,
        map_side=None if maps.grad_cam is None else maps.grad_cam.shape[1],
        mistakes=_mistakes(image_set, decisions) if wanted else None,
    )
    return Explained(report, explaining.draw)


def _refuse(settings: ExplainingSettings) -> None:
    given = {"--region": settings.region, "--tile": settings.source.tile, "--blur": settings.source.blur}
    for name, value in given.items():
        if value is not None:
            raise DlcliError(f"{name} is for networks that restore images, and this one classifies", "leave it out")


def _images(settings: ExplainingSettings, trained: TrainedNetwork, progress: Progress) -> tuple[ImageSet, MeasuredOn]:
    """The images as the network takes them, with labels that count its classes where any are known."""
    if not settings.data:
        image_set, _, on = images_without_data(trained, trained.channels, progress)
        image_set = as_trained(image_set, trained, EIGHT_BIT)
    else:
        on = MeasuredOn(paths=settings.data, part="given")
        image_set = _opened(settings, trained, progress)
        scale = scale_for(image_set, trained, progress)
        if image_set.labels is None:
            image_set = replace(same_size(image_set, trained.network.spec.head.side, scale), classes=trained.classes)
        else:
            image_set = as_trained(image_set, trained, scale)
    report_skipped(image_set, progress)
    return image_set, on


def _opened(settings: ExplainingSettings, trained: TrainedNetwork, progress: Progress) -> ImageSet:
    """The images that were given, with their classes where they have any, which else is told."""
    try:
        return open_image_set(
            settings.data, channels=trained.channels, labeled=True, part="test", axes=settings.source.axes
        )
    except DlcliError as error:
        image_set = open_image_set(settings.data, channels=trained.channels, part="test", axes=settings.source.axes)
        if not len(image_set):
            raise
        progress.note(
            f"the classes of these images aren't known ({error.message}): what the network takes them for is "
            "explained, whether it is right or wrong"
        )
        return replace(image_set, labels=None)


def _maps_of_cases(
    trained: TrainedNetwork, image_set: ImageSet, cases: Sequence[Case], baseline: Tensor, methods: Sequence[str]
) -> Maps:
    pixels = np.stack([image_set.pixels(case.image) for case in cases]).transpose(0, 3, 1, 2)
    x = batch_to_tensor(np.ascontiguousarray(pixels), trained.device)
    classes = torch.tensor([case.explained for case in cases], device=trained.device)
    return maps_of(trained.network, x, classes, baseline, methods)


def _baseline(settings: ExplainingSettings, trained: TrainedNetwork, baseline: Tensor) -> Baseline | None:
    """What the network takes the baseline for."""
    if INTEGRATED not in settings.methods:
        return None
    with exactly():
        shares = torch.softmax(float64(trained.network(baseline)), dim=1)[0].cpu()
    best = int(shares.argmax())
    return Baseline(name=settings.baseline, prediction=trained.classes[best], probability=float(shares[best]))


def _explained(number: int, case: Case, explaining: Explaining) -> ExplainedImage:
    decisions, classes, maps = explaining.decisions, explaining.image_set.classes, explaining.maps
    logs, found = decisions.logs[case.image], int(decisions.found[case.image])
    return ExplainedImage(
        name=explaining.image_set.names[case.image],
        chosen=case.chosen,
        true_class=None if decisions.labels is None else classes[decisions.labels[case.image]],
        prediction=classes[found],
        probability=float(np.exp(logs[found])),
        explained=classes[case.explained],
        explained_probability=float(np.exp(logs[case.explained])),
        integrated=None if maps.integrated is None else Completeness(
            score=float(maps.integrated.scores[number]),
            baseline_score=float(maps.integrated.baseline_scores[number]),
            sum=float(maps.integrated.sums[number]),
            gap=float(maps.integrated.gaps[number]),
            steps=int(maps.integrated.steps[number]),
        ),
        speaks_for=None if maps.grad_cam is None else bool(maps.grad_cam[number].max() > 0),
    )  # fmt: skip


def _mistakes(image_set: ImageSet, decisions: Decisions) -> list[Mistake]:
    assert decisions.labels is not None
    classes = image_set.classes
    return [
        Mistake(
            name=image_set.names[i],
            true_class=classes[decisions.labels[i]],
            prediction=classes[decisions.found[i]],
            probability=float(np.exp(decisions.logs[i].max())),
        )
        for i in decisions.mistakes()[:MISTAKES]
    ]
