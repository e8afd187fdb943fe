"""``dlcli explain`` of a network that restores images."""

import time
from dataclasses import dataclass, replace
from typing import Any

import torch

from dlcli.engine.device import describe_device
from dlcli.engine.progress import Progress
from dlcli.networks.inference.explain.restoration.checkerboard import Checkerboard
from dlcli.networks.inference.explain.restoration.field import Field, theoretical
from dlcli.networks.inference.explain.restoration.filters import first_filters, in_use
from dlcli.networks.inference.explain.restoration.measures import Measuring, RegionFound
from dlcli.networks.inference.explain.restoration.noise import noise_figures
from dlcli.networks.inference.explain.restoration.noise_gain import Gain
from dlcli.networks.inference.explain.restoration.pictures import Pictures
from dlcli.networks.inference.explain.restoration.subjects import Subject, Subjects, open_subjects
from dlcli.networks.inference.explain.restoration.traced import differentiably, frozen
from dlcli.networks.inference.explain.restoration.verdicts import verdicts
from dlcli.networks.inference.explain.settings import ExplainingSettings
from dlcli.networks.inference.trained import TrainedNetwork
from dlcli.reports.document import environment
from dlcli.reports.explain.base import Explained
from dlcli.reports.explain.restoration import (
    CheckerboardFigures,
    Enlarging,
    ExplainedImage,
    FirstFilters,
    PathMap,
    PatternOn,
    ReceptiveField,
    RestorationExplanation,
)
from dlcli.reports.head import evaluation_head
from dlcli.runs.directory import RunDirectory
from dlcli.text import printable_path


@dataclass(frozen=True, eq=False)
class Found:
    """What the methods found; None where one wasn't asked for."""

    region: RegionFound | None
    field: tuple[Field, int] | None
    checkerboard: Checkerboard | None
    gains: list[tuple[Subject, Gain]] | None


def explain_restoration(
    settings: ExplainingSettings, trained: TrainedNetwork, folder: RunDirectory, progress: Progress
) -> Explained:
    """What a network looks at, and what it does to noise and to patterns.

    Raises DlcliError for images that don't fit it, and a region that isn't in the first of them.
    """
    start = time.monotonic()
    trained = replace(trained, network=frozen(trained.network))
    subjects = open_subjects(settings, trained, progress)
    if settings.region is not None and subjects.count > 1:
        progress.note(
            f"the region is of the first of {subjects.count:,} images, {printable_path(subjects.each[0].name)}"
        )
    with differentiably():
        found = _found(settings, Measuring.of(trained, subjects, settings.region, settings.seed), progress)
    figures: dict[str, Any] = {
        **_of_region(found.region, path="lam" in settings.methods),
        "receptive_field": None if found.field is None else _of_field(*found.field, trained, subjects),
        "checkerboard": None if found.checkerboard is None else _of_pattern(found.checkerboard, trained),
        "noise_gain": None if found.gains is None else noise_figures(found.gains),
    }
    filters = first_filters(trained.network, trained.channels) if "filters" in settings.methods else None
    if filters is not None:
        figures["filters"] = FirstFilters(count=len(filters), in_use=in_use(filters), side=filters.shape[1])
    field = None if found.field is None else found.field[0]
    pictures = Pictures(
        trained.network.spec, found.region, field, found.checkerboard, found.gains, filters, settings.format
    )
    report = RestorationExplanation(
        **evaluation_head(settings.source.run, describe_device(trained.device), settings.seed, start),
        command="explain",
        kind="restoration",
        out=str(folder.path),
        data=subjects.on,
        methods=list(settings.methods),
        metrics={},
        findings=[*verdicts(figures, trained.task), *subjects.findings],
        pictures=pictures.listed(),
        environment=environment(trained.device, torch.get_num_threads()),
        task=trained.task,
        **figures,
    )
    return Explained(report, lambda write: pictures.draw(write, report))


def _found(settings: ExplainingSettings, measuring: Measuring, progress: Progress) -> Found:
    """What the methods that are asked for find."""
    region = field = checkerboard = gains = None
    methods = set(settings.methods)
    if methods & {"gradient", "lam"}:
        progress.reached("maps of the region")
        region = measuring.region(path="lam" in methods)
    if "receptive-field" in methods:
        progress.reached("receptive field")
        field = measuring.field()
    if "checkerboard" in methods:
        progress.reached("checkerboard pattern")
        checkerboard = measuring.checkerboard()
    if "noise-gain" in methods:
        progress.reached("noise gain")
        gains = measuring.gains()
    progress.reached("")
    return Found(region, field, checkerboard, gains)


def _of_region(found: RegionFound | None, *, path: bool) -> dict[str, Any]:
    if found is None:
        return {}
    subject, box, maps = found.subject, found.box, found.maps
    top, left = subject.offset
    image = ExplainedImage(
        name=subject.name,
        width=subject.size[1],
        height=subject.size[0],
        region=(left + box.left, top + box.top, box.width, box.height),
        chosen=found.chosen,
        scale=subject.degradation.scale,
    )
    if not path:
        return {"image": image}
    height, width = maps.path.shape[-2:]
    lam = PathMap(
        diffusion_index=maps.diffusion_index, involved=maps.involved, change=maps.change, error=maps.error,
        pixels=height * width,
    )  # fmt: skip
    return {"image": image, "lam": lam}


def _of_field(field: Field, images: int, trained: TrainedNetwork, subjects: Subjects) -> ReceptiveField:
    spec = trained.network.spec
    whole, network = theoretical(spec, subjects.each[0].degradation), theoretical(spec)
    assert network is not None
    return ReceptiveField(
        effective=field.side, gaussian=field.luo, theoretical=whole, network=network, positions=field.count,
        images=images, cut=field.cut,
    )  # fmt: skip


def _of_pattern(found: Checkerboard, trained: TrainedNetwork) -> CheckerboardFigures:
    return CheckerboardFigures(
        cell=trained.network.spec.multiple,
        verdict=found.worst[1].verdict,
        on={
            name: PatternOn(
                amplitude=one.amplitude, chance=one.chance, peak_db=one.peak, frequency=one.frequency,
                verdict=one.verdict,
            )
            for name, one in found.patterns.items()
        },
        deconvolutions=[
            Enlarging(kernel=one.kernel, stride=one.stride, uneven=one.uneven, phases=one.phases)
            for one in found.overlaps
        ],
    )  # fmt: skip
