"""``dlcli eval`` of an image network: PSNR and SSIM of what it restores, beside the input and classical methods."""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from dlcli.engine.device import describe_device
from dlcli.engine.interrupts import telling
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.images.image_set import Skipped
from dlcli.networks.comparison import Compared, Comparison, compared_of
from dlcli.networks.data.load import warn_of_skipped
from dlcli.networks.inference import checkerboard
from dlcli.networks.inference.classify import evaluate_classes
from dlcli.networks.inference.large.measuring import measured_in_bands
from dlcli.networks.inference.observations import Case, Observations, open_observations, tell_levels
from dlcli.networks.inference.restoring import check_memory
from dlcli.networks.inference.settings import EvaluationSettings
from dlcli.networks.inference.trained import TrainedNetwork, exactly, load_for
from dlcli.networks.lanes import in_lanes, lanes_for
from dlcli.networks.metrics import mean_of, psnr_range
from dlcli.reports.checks import outcomes, parse_checks
from dlcli.reports.document import environment
from dlcli.reports.evaluate import (
    ClassificationReport,
    ImageQuality,
    MethodQuality,
    RestorationReport,
    SkippedImage,
)
from dlcli.reports.head import evaluation_head
from dlcli.reports.train_deconv import Level
from dlcli.text import counted, printable_path

Methods = dict[str, Callable[[Case], Tensor]]


def evaluate_network(settings: EvaluationSettings, progress: Progress) -> RestorationReport | ClassificationReport:
    """Measure a network on images that it is given clean, or in pairs; in float32, each degraded by its own seed.

    The report has ``metrics["test"]``, ``images``, ``per_image``, ``skipped`` and ``checks``; asked to compare also
    ``compare``, the classical methods by name; for classes see ``evaluate_classes``. Raises DlcliError for a damaged
    model and data that don't fit.
    """
    start = time.monotonic()
    trained = load_for(settings.source, settings.data)
    if trained.task == "classify":
        return evaluate_classes(settings, trained, progress, start)
    if settings.mistakes is not None:
        raise DlcliError("--mistakes is for networks that classify images, and this one restores them", "leave it out")
    images = open_observations(settings, trained, progress)
    tell_levels(images, progress)
    comparison = Comparison.of(trained.degradation.scale, images.scales.targets, trained.scales.targets)
    names = [metric.name for metric in comparison.metrics]
    checks = parse_checks(settings.conditions, (*names, *(f"input_{name}" for name in names), checkerboard.NAME))
    rows, measured, psnr_of = _restored(settings, trained, images, comparison, progress)
    network = measured["network"]
    test = network.means() | {f"input_{name}": mean for name, mean in measured["input"].means().items()}
    with exactly():
        test[checkerboard.NAME] = checkerboard.checkerboard(trained)
    if trained.task != "reconstruct" and test["psnr"] < test["input_psnr"]:
        both = f"{test['psnr']:.2f} dB, where the inputs have {test['input_psnr']:.2f} dB"
        progress.warn(f"the network makes these images worse: {both}")
    classical = {
        name: MethodQuality.model_validate({**found.means(), "seconds": found.seconds_per_image})
        for name, found in measured.items()
        if name not in ("network", "input")
    }
    return RestorationReport(
        **evaluation_head(settings.source.run, describe_device(trained.device), settings.seed, start),
        command="eval",
        task=trained.task,
        data=images.on,
        images=len(rows),
        skipped=[SkippedImage(name=one.name, why=one.why) for one in images.skipped],
        metrics={"test": test},
        levels=_levels(images, measured) if images.sigmas else None,
        per_image=rows,
        seconds_per_image=network.seconds_per_image,
        psnr_range=psnr_range(images.scales.targets),
        psnr_of=psnr_of,
        compare=classical if settings.compare else None,
        checks=outcomes(checks, test),
        environment=environment(trained.device, torch.get_num_threads()),
    )


@dataclass
class Measured:
    """What is known of one way to restore: each metric image by image, and the time it took."""

    comparison: Comparison
    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    seconds: float | None = 0.0

    def add(self, found: dict[str, float], seconds: float | None) -> None:
        """Take in one image's metrics, and the time that it took."""
        self.seconds = None if seconds is None else (self.seconds or 0.0) + seconds
        for name, value in found.items():
            self.values[name].append(value)

    def means(self) -> dict[str, float]:
        """The means over all images."""
        return self.comparison.means(self.values)

    def latest(self, count: int) -> dict[str, float]:
        """The means over the last ``count`` images; nan where one of them is."""
        return {name: float(np.mean(values[-count:])) for name, values in self.values.items()}

    @property
    def seconds_per_image(self) -> float | None:
        """None where nothing was computed."""
        return None if self.seconds is None else self.seconds / len(self.values["psnr"])


def _restored(
    settings: EvaluationSettings,
    trained: TrainedNetwork,
    images: Observations,
    comparison: Comparison,
    progress: Progress,
) -> tuple[list[ImageQuality], dict[str, Measured], Compared]:
    """Restore and measure every image: in each way, and by the network one by one; and what was compared of them.

    Raises DlcliError if none can be.
    """
    # Methods that are compared are timed, each with all threads.
    lanes = 1 if settings.compare else lanes_for(len(images), trained.device)
    trained = replace(trained, beside=lanes)
    methods = _methods(settings, trained, images, progress)
    rows, on_luminance = list[ImageQuality](), set[bool]()
    measured = {name: Measured(comparison) for name in methods}
    with exactly(), telling(lambda: f"{len(rows):,} of {len(images):,} images were measured, and no report is written"):
        if settings.compare:
            trained.restored(images.case(0).observed)  # what is done once must not count as the network's time
        each = in_lanes(lambda index: _cases(images, index, methods, comparison, trained), range(len(images)), lanes)
        for index, found in enumerate(each):
            if isinstance(found, DlcliError):
                images.skipped.append(Skipped(printable_path(images.image_set.names[index]), found.message))
                continue
            on_luminance.add(found[-1].on_luminance)
            for one in found:
                for name, (values, seconds) in one.by_method.items():
                    measured[name].add(values, None if seconds is None else seconds / lanes)
            rows.append(_row(found[-1], measured, images.levels))
    skipped = images.skipped
    if not rows:
        first = skipped[0]
        raise DlcliError(
            f"none of {counted(len(skipped), 'image')} can be used; {first.name}: {first.why}",
            "fix them, or give others",
        )
    warn_of_skipped(skipped, len(rows) + len(skipped), progress)
    return rows, measured, compared_of(on_luminance)


@dataclass(frozen=True)
class MeasuredCase:
    """One image at one level: by method its metrics and the seconds that it took, None where nothing was computed."""

    name: str
    kernel_number: int | None
    on_luminance: bool
    by_method: dict[str, tuple[dict[str, float], float | None]]


def _cases(
    images: Observations, index: int, methods: Methods, comparison: Comparison, trained: TrainedNetwork
) -> list[MeasuredCase] | DlcliError:
    """Image ``index``, restored and measured at each level in each way, or why it can't be; by any thread."""
    found = []
    try:
        with torch.inference_mode():
            for level in range(images.levels):
                # Classical methods take whole images.
                case = images.in_rows(index, level) if set(methods) == {"input", "network"} else None
                if case is not None:
                    by_method = measured_in_bands(case, trained, comparison)
                    on_luminance = case.of_color or (comparison.on_luminance and case.color)
                    found.append(MeasuredCase(case.name, None, on_luminance, by_method))
                else:
                    check_memory(images.values(index) * trained.beside)
                    found.append(_measured(images.case(index, level), methods, comparison))
        return found
    except DlcliError as error:
        return error


def _measured(case: Case, methods: Methods, comparison: Comparison) -> MeasuredCase:
    found = {}
    for name, restore in methods.items():
        start = time.monotonic()
        output = restore(case)
        if output.device.type == "cuda":
            torch.cuda.synchronize(output.device)
        # What an observation comes with was made before, and has no time of its own.
        made = not any(output is known for known in (case.observed.shown, case.observed.base))
        seconds = time.monotonic() - start if made else None
        found[name] = comparison.quality(output, case.clean), seconds
    on_luminance = case.of_color or comparison.takes_luminance(case.clean)
    return MeasuredCase(case.name, case.kernel_number, on_luminance, found)


def _methods(
    settings: EvaluationSettings, trained: TrainedNetwork, images: Observations, progress: Progress
) -> Methods:
    """What is measured: the input as it is, the network, and with --compare the classical methods."""
    classical: Methods = {}
    if settings.compare:
        from dlcli.networks.inference.classical import methods_for

        blind = trained.restoration.blurs is not None  # these need the kernel
        classical = {} if blind else methods_for(trained.task, images.degradations[0].noise)
        if not classical:
            what = "a blur that isn't known" if blind else trained.task
            progress.note(f"there is no classical method to compare with for {what}")
    return {"input": lambda c: c.observed.shown, "network": lambda c: trained.restored(c.observed), **classical}


def _row(case: MeasuredCase, measured: dict[str, Measured], levels: int) -> ImageQuality:
    """The last image, on average over the noise levels that it was measured at."""
    plain = {f"input_{name}": value for name, value in measured["input"].latest(levels).items()}
    return ImageQuality.model_validate(
        {"name": case.name, "kernel": case.kernel_number, **measured["network"].latest(levels), **plain}
    )


def _levels(images: Observations, measured: dict[str, Measured]) -> list[Level]:
    """PSNR at each noise level, of each blur, or at each quality, as the report of a training has it."""
    means = [
        [mean_of(measured[name].values["psnr"][place :: images.levels]) for name in ("network", "input")]
        for place in range(images.levels)
    ]
    each = zip(images.sigmas, images.degradations, means, strict=True)
    return [
        Level(sigma=sigma, psnr=psnr, input_psnr=before, blur=degradation.blurred_by, quality=degradation.quality)
        for sigma, degradation, (psnr, before) in each
    ]
