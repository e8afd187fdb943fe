"""``dlcli noise`` as a function: config in, report out."""

import time
from collections.abc import Sequence

import numpy as np

from dlcli.config.common import PlotFormat
from dlcli.config.data import NoiseConfig
from dlcli.engine.progress import Progress, Silent
from dlcli.errors import DlcliError
from dlcli.images.dead_leaves import dead_leaves
from dlcli.images.noise.measure import ChannelNoise
from dlcli.images.noise.pool import pooled
from dlcli.images.sources import Candidate, FoundImages, find_images
from dlcli.images.survey.noise import Noisy, measurements, table
from dlcli.images.survey.survey import Limits
from dlcli.reports.document import environment
from dlcli.reports.evaluate import SkippedImage
from dlcli.reports.head import evaluation_head
from dlcli.reports.images.noise import LevelAt, NoiseName, NoiseOfChannel, NoiseOfImage, NoiseOfKind, NoiseReport
from dlcli.reports.measured_on import MeasuredOn
from dlcli.runs import directory
from dlcli.text import counted, printable_path

TABLE = "images.csv"
EACH = 1000
DEMO_IMAGES, DEMO_SIDE, DEMO_SIGMA = 8, 192, 15.0


def measure_noise(config: NoiseConfig, progress: Progress | None = None) -> NoiseReport:
    """Measure the noise of images, and write what was found into a run directory.

    Returns the report, the document of report.json. Raises DlcliError for data that are not there, and where no image
    can be read and measured; one of several that can't is reported, not raised.
    """
    start = time.monotonic()
    progress = progress or Silent()
    run = directory.RunDirectory("noise", config.out, config.force)
    found = _found(config, progress)
    seen = measurements(found, Limits(config.sample, seed=config.seed), config.offset)
    if not any(one.noise.channels for one in seen.images):
        raise _nothing(seen.images, [(one.name, one.why) for one in seen.skipped])
    report = NoiseReport(
        **evaluation_head(run.path, "cpu", config.seed, start),
        command="noise",
        metrics={},
        data=MeasuredOn(paths=config.data, part="given" if config.data else "generated"),
        images=len(seen.images),
        unopened=seen.unopened,
        unreadable=[SkippedImage(name=one.name, why=one.why) for one in seen.skipped],
        notes=[*found.notes, *seen.notes],
        kinds=_kinds(seen.images, config.offset),
        each=[_each(one) for one in seen.images[:EACH]],
        environment=environment("cpu"),
    )
    run.write(directory.CONFIG, config.to_toml(run.path))
    run.write(TABLE, table(seen.images))
    run.write(directory.REPORT, report.to_json() + "\n")
    progress.result(report)
    _draw(run, config.plots, report)
    return report


def _found(config: NoiseConfig, progress: Progress) -> FoundImages:
    if config.data:
        return find_images(config.data, False, "train", config.axes or "")
    progress.note(
        f"no DATA given: measuring {DEMO_IMAGES} generated images (dead leaves) with white noise of {DEMO_SIGMA:g}"
    )
    made = dead_leaves(DEMO_IMAGES, DEMO_SIDE, config.seed, 1)
    random = np.random.default_rng([config.seed, 1])
    noisy = [made.pixels(i) + random.normal(0, DEMO_SIGMA, made.pixels(i).shape) for i in range(DEMO_IMAGES)]
    eight_bit = [np.clip(np.rint(image), 0, 255).astype(np.uint8) for image in noisy]
    return FoundImages([Candidate(name, None, one) for name, one in zip(made.names, eight_bit, strict=True)])


def _nothing(images: Sequence[Noisy], skipped: Sequence[tuple[str, str]]) -> DlcliError:
    """The error where there is no noise to report."""
    if images:
        first = f"{printable_path(images[0].name)}: {images[0].noise.why}"
        more = f", nor that of {counted(len(images) - 1, 'other image')}" if len(images) > 1 else ""
        return DlcliError(f"noise cannot be measured{more}: {first}", "give images of scenes, as the camera made them")
    first = f"; {skipped[0][0]} {skipped[0][1]}" if skipped else ""
    return DlcliError(f"none of {counted(len(skipped), 'image')} can be read{first}", "fix those images or give others")


def _kinds(images: Sequence[Noisy], offset: float | None) -> list[NoiseOfKind]:
    """The images by type and channels, the most common first; those that weren't measured are left out."""
    kinds: dict[tuple[str, int], list[Noisy]] = {}
    for one in images:
        if one.noise.channels:
            kinds.setdefault((one.dtype, one.channels), []).append(one)
    return [
        _kind(dtype, channels, some, offset)
        for (dtype, channels), some in sorted(kinds.items(), key=lambda item: (-len(item[1]), item[0]))
    ]


def _kind(dtype: str, channels: int, images: Sequence[Noisy], offset: float | None) -> NoiseOfKind:
    together = pooled([one.noise for one in images], offset)
    kind: NoiseName = together.kind
    return NoiseOfKind(
        dtype=dtype,
        channels=channels,
        images=len(images),
        kind=kind,
        extent=together.extent,
        saturated=together.saturated,
        reliable=together.reliable,
        by_channel=[
            _channel(c, [one.noise.channels[number].sigma for one in images])
            for number, c in enumerate(together.channels)
        ],
    )


def _channel(channel: ChannelNoise, sigmas: Sequence[float]) -> NoiseOfChannel:
    low, high = np.quantile(sigmas, (0.1, 0.9)).tolist()
    return NoiseOfChannel(
        sigma=channel.sigma,
        p10=low,
        p90=high,
        gain=channel.gain,
        intercept=channel.intercept,
        offset=channel.offset,
        read=channel.read,
        autocorrelation=list(channel.autocorrelation),
        rows=channel.rows,
        columns=channel.columns,
        levels=[LevelAt(brightness=one.mean, sigma=one.sigma, patches=one.count) for one in channel.levels],
    )


def _each(one: Noisy) -> NoiseOfImage:
    noise = one.noise
    return NoiseOfImage(
        name=one.name,
        dtype=one.dtype,
        kind=noise.kind,
        sigma=[c.sigma for c in noise.channels],
        extent=noise.extent,
        saturated=noise.saturated,
        reliable=noise.reliable,
        why=noise.why,
    )


def _draw(run: directory.RunDirectory, format: PlotFormat, report: NoiseReport) -> None:
    if format == "none":
        return
    from dlcli.reports.charts.noise import noise_chart

    run.write_chart("noise", format, noise_chart(report, format=format).to_bytes())
