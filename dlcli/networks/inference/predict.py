"""``dlcli predict`` of an image network: restored images under their own names, or a table of classes."""

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from dlcli.degradations.base import Mask
from dlcli.degradations.other_blur import blur_note
from dlcli.degradations.task import INPUT_IS_BASE
from dlcli.engine.device import describe_device
from dlcli.engine.interrupts import telling
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.files import write_atomic
from dlcli.images.folders import Skipped
from dlcli.images.formats.codecs import read_pixels
from dlcli.images.outputs import STDOUT, Output, OutputPlan, check_sheet, plan_outputs
from dlcli.networks.data.load import warn_of_skipped
from dlcli.networks.inference.classify import predict_classes
from dlcli.networks.inference.noise_level import check_strength
from dlcli.networks.inference.restoring import Changes, MemoryShortError, Restorer
from dlcli.networks.inference.settings import PredictionSettings
from dlcli.networks.inference.shown.before_after import ROWS, Shots, shots_of
from dlcli.networks.inference.shown.meter import Meter
from dlcli.networks.inference.trained import TrainedNetwork, load_network, other_networks
from dlcli.networks.inference.writing import WRITTEN_AS, Told, UnwrittenError, send, write_restored
from dlcli.networks.lanes import in_lanes, lanes_for
from dlcli.reports.evaluate import SkippedImage
from dlcli.reports.head import prediction_head
from dlcli.reports.predict import ClassifiedReport, ImageLevel, MappedValues, RestoredReport
from dlcli.text import counted, printable_path


def predict_network(settings: PredictionSettings, progress: Progress) -> RestoredReport | ClassifiedReport:
    """Restore every image in ``settings.data``, or classify it. A bad image is named and left out.

    Returns the report, with ``images`` and ``skipped``. Raises DlcliError for a damaged model, data or an ``out``
    that don't fit, and when no image could be restored.
    """
    start = time.monotonic()
    trained = load_network(settings.source)
    if trained.task == "classify":
        return predict_classes(settings, trained, progress, start)
    check_strength(settings.strength, trained)
    return _restore_all(settings, trained, progress, start)


@dataclass
class Failed:
    """The images that could not be restored, those among them that could not be written, and the first reason."""

    skipped: list[Skipped] = field(default_factory=list)
    unwritten: list[Skipped] = field(default_factory=list)
    first: DlcliError | None = None

    def add(self, output: Output, error: DlcliError) -> None:
        """One more. Raises DlcliError where no other image can be written either."""
        self.first = self.first or error
        self.skipped.append(Skipped(output.shown, error.message.removeprefix(output.shown).lstrip(" :")))
        if isinstance(error, UnwrittenError):
            self.unwritten.append(self.skipped[-1])
            if error.full:
                raise DlcliError(f"{output.shown} {error.message}", error.hint) from None


@dataclass
class _Made:
    """What became of one output."""

    images: int = 0
    error: DlcliError | None = None
    told: Told = field(default_factory=Told)
    changes: Changes = field(default_factory=Changes)


def _each(
    restorer: Restorer, outputs: Sequence[Output], shots: Sequence[Shots]
) -> Generator[tuple[Output, _Made], None, None]:
    """Restore them in lanes, then alone those that had too little memory beside others; the first with ``shots``."""
    shown = dict(zip(map(id, outputs), shots, strict=False))
    lanes = lanes_for(len(outputs), restorer.trained.device)
    beside = replace(restorer, trained=replace(restorer.trained, beside=lanes))
    again = []
    # Closed, as what a lane has begun is to be complete before anybody counts.
    with closing(in_lanes(partial(_made, beside, shown), outputs, lanes)) as each:
        for output, made in zip(outputs, each, strict=True):
            if lanes > 1 and isinstance(made.error, MemoryShortError):
                again.append(output)
            else:
                yield output, made
    for output in again:
        yield output, _made(restorer, shown, output)


def _made(restorer: Restorer, shown: Mapping[int, Shots], output: Output) -> _Made:
    """Restore and write one output, in any thread."""
    made = _Made()
    restorer = replace(restorer, changes=made.changes, shots=shown.get(id(output), restorer.shots))
    try:
        made.images = write_restored(output, restorer, made.told)
        restorer.meter.wrote()
    except DlcliError as error:
        made.error = error
    return made


def _restore_all(
    settings: PredictionSettings, trained: TrainedNetwork, progress: Progress, start: float
) -> RestoredReport:
    plan = _planned(settings)
    shots = shots_of([one.shown for one in plan.outputs], trained.degradation.scale) if settings.sheet else []
    meter = Meter(progress, len(plan.outputs))
    restorer = Restorer(
        trained, _mask(settings, trained), settings.source.kernel or 0, meter=meter, strength=settings.strength,
        others=other_networks(settings.source),
    )  # fmt: skip
    _tell_before(settings, trained, plan, progress)
    told, failed = Told(), Failed()
    levels, done = list[ImageLevel](), 0
    with (
        telling(lambda: _left(meter, settings.output.out)),
        meter,
        closing(_each(restorer, plan.outputs, shots)) as each,
    ):
        for written, one in each:
            meter.file()
            told.take(one.told)
            restorer.changes.take(one.changes)
            if found := one.changes.levels.found:
                shared = one.changes.levels.shared
                times = 1 + (sum(shared) - len(shared)) / len(found)
                levels.append(ImageLevel(name=written.shown, sigma=sum(found) / len(found), told=times))
            done += one.images
            if one.error is not None:
                failed.add(written, one.error)
    skipped = [*plan.skipped, *failed.skipped]
    if not done:
        raise _nothing_done(plan, skipped, failed.first)
    _draw(settings.sheet, shots)
    send(plan.outputs[0].target, settings.output.out)
    tell(restorer, told, progress)
    warn_of_skipped(skipped, len(plan.outputs) + len(plan.skipped), progress)
    ranges = restorer.changes.mapped
    return RestoredReport(
        **prediction_head(settings.source.run, settings.output.out, start),
        command="predict",
        device=describe_device(trained.device),
        task=trained.task,
        images=done,
        skipped=[SkippedImage(name=one.name, why=one.why) for one in skipped],
        unchanged=not restorer.changes.any,
        unwritten=[one.name for one in failed.unwritten],
        notes=told.notes(),
        sheet=str(settings.sheet) if settings.sheet else None,
        noise=levels or None,
        mapped=MappedValues(images=ranges.images, low=ranges.low, high=ranges.high) if ranges.images else None,
    )


def tell(restorer: Restorer, told: Told, progress: Progress) -> None:
    """What became of the images, beyond what is in them."""
    changes, trained = restorer.changes, restorer.trained
    ranges = changes.mapped
    if ranges.images:
        progress.note(f"{counted(ranges.images, 'image')}: {ranges.note(trained.scales)}")
    for text in told.lines():
        (progress.note if f": {WRITTEN_AS}" in text else progress.warn)(text)
    for text in changes.levels.notes(trained):
        progress.note(text)
    for text in (*changes.levels.lines(), *changes.qualities.lines(trained.restoration.quality)):
        progress.warn(text)
    idle = changes.images == changes.levels.left
    if not (changes.any or idle) and restorer.strength.factor and trained.task != "reconstruct":
        progress.warn(
            f"the network changed no pixel of {counted(changes.images, 'image')}"
            f"{'' if trained.task in INPUT_IS_BASE else ' beyond the simple estimate that it starts from'}: it has "
            "learned nothing that changes them; train it longer, or with another --lr"
        )


def _left(meter: Meter, out: Path | None) -> str:
    """What there is where the work was interrupted."""
    if out == STDOUT or not meter.written:
        return ""
    be = "is" if meter.written == 1 else "are"
    return f"{meter.written:,} of {counted(meter.files, 'file')} {be} complete in {printable_path(str(out))}"


def _tell_before(settings: PredictionSettings, trained: TrainedNetwork, plan: OutputPlan, progress: Progress) -> None:
    """What the user should know before the work begins. Raises DlcliError: see ``check_kernel``."""
    for note in plan.notes:
        progress.note(note)
    check_kernel(settings, trained, progress)


def check_kernel(settings: PredictionSettings, trained: TrainedNetwork, progress: Progress) -> None:
    """What to know of the blur that is undone. Raises DlcliError for one that changes nothing."""
    if settings.source.blur is not None and trained.restoration.blurs is not None:
        raise DlcliError(
            f"--blur {settings.source.blur}: the network was trained on {trained.restoration.blur}, and is not told "
            "the blur", "leave it out",
        )  # fmt: skip
    if told := blur_note(settings.source.blur, trained.restoration):
        progress.warn(told)
    if len(trained.degradation.kernels) > 1 and settings.source.kernel is None:
        progress.note(f"taking the first of {len(trained.degradation.kernels)} blur kernels; --kernel N takes another")


def _planned(settings: PredictionSettings) -> OutputPlan:
    """What goes where. Raises DlcliError where it can't, or image and report would both go to stdout."""
    output = settings.output
    if output.out == STDOUT and output.report_on_stdout:
        raise DlcliError("--json prints the report to stdout, where --out - sends the image", "add --out FILE")
    plan = plan_outputs(
        settings.data, output.out, force=output.force, form=settings.format, dtype=settings.dtype,
        axes=settings.source.axes,
    )  # fmt: skip
    if settings.sheet is not None:
        check_sheet(settings.sheet, plan.outputs, force=output.force)
    return plan


def _draw(sheet: Path | None, shots: Sequence[Shots]) -> None:
    """The picture of images before and after."""
    if sheet is None:
        return
    from dlcli.reports.charts.sheets import before_after_sheet

    pairs = [pair for one in shots for pair in one.pairs][:ROWS]
    rows = [(pair.before, pair.after) for pair in pairs]
    write_atomic(sheet, before_after_sheet(rows, [pair.caption for pair in pairs]))


def _nothing_done(plan: OutputPlan, skipped: list[Skipped], first: DlcliError | None) -> DlcliError:
    one = skipped[-len(plan.outputs)]
    what = "the image could not be restored" if len(skipped) == 1 else f"none of {len(skipped):,} images was restored"
    return DlcliError(f"{what}; {one.name}: {one.why}", first.hint if first else "")


def _mask(settings: PredictionSettings, trained: TrainedNetwork) -> Mask | None:
    """The pixels that --mask says are missing."""
    if settings.mask is None:
        return None
    if trained.task != "inpaint":
        raise DlcliError(f"--mask is for inpaint, and the network was trained to {trained.task}", "leave it out")
    mask: Mask = read_pixels(settings.mask, f"--mask {settings.mask}", 1)[:, :, 0] > 127
    if mask.all():
        raise DlcliError(f"--mask {settings.mask} is entirely white, so no pixel is known", "white: missing")
    return mask
