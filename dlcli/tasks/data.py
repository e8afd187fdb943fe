"""``dlcli data`` as a function: config in, report out."""

import time
from collections import Counter
from collections.abc import Sequence

from dlcli.config.common import PlotFormat
from dlcli.config.data import DataConfig
from dlcli.engine.progress import Progress, Silent
from dlcli.errors import DlcliError
from dlcli.images.dead_leaves import dead_leaves
from dlcli.images.reading import frame_notes, stack_notes
from dlcli.images.sources import Candidate, FoundImages, find_images
from dlcli.images.survey.duplicates import duplicates
from dlcli.images.survey.summary import KindKey, by_kind, duplicates_of, kind_of, name_of, sizes, table
from dlcli.images.survey.survey import Limits, Survey, survey
from dlcli.networks.data.load import DEMO_IMAGES, DEMO_SIDE
from dlcli.networks.data.outlook import Found, hints, straddling
from dlcli.reports.data import ClassCount, DataReport, Kind
from dlcli.reports.document import environment
from dlcli.reports.evaluate import SkippedImage
from dlcli.reports.head import evaluation_head
from dlcli.reports.measured_on import MeasuredOn
from dlcli.runs import directory
from dlcli.text import counted

TABLE = "images.csv"
NO_CLASSES = "has no class folders"


def look_at_data(config: DataConfig, progress: Progress | None = None) -> DataReport:
    """Look at images without training, and write what was found into a run directory.

    Returns the report, the document of report.json. Raises DlcliError for data that are not there, and where there is
    no image; an image that can't be read is reported, not raised.
    """
    start = time.monotonic()
    progress = progress or Silent()
    run = directory.RunDirectory("data", config.out, config.force)
    found, why_no_classes = _found(config, progress)
    count = len(found.candidates)
    seen = survey(found, Limits(config.sample, seed=config.seed))
    if not seen.looked:
        first = f"; {seen.skipped[0].name} {seen.skipped[0].why}" if seen.skipped else ""
        raise DlcliError(f"none of {counted(count, 'image')} can be read{first}", "fix those images or give others")
    kinds = {
        (dtype, channels): kind_of(dtype, channels, images)
        for (dtype, channels), images in by_kind(seen.looked).items()
    }
    groups = duplicates([one.measures for one in seen.looked])
    torn = straddling(seen, [group.members for group in groups], config.seed, found.classes)
    repeated = duplicates_of(seen, groups, torn)
    classes = _class_counts(seen, found.classes)
    about = Found(seen, sizes(seen), list(kinds.values()), repeated, classes, why_no_classes)
    report = DataReport(
        **evaluation_head(run.path, "cpu", config.seed, start),
        command="data",
        metrics={},
        data=MeasuredOn(paths=config.data, part="given" if config.data else "generated"),
        images=len(seen.images),
        looked_at=len(seen.looked),
        unopened=seen.unopened,
        unreadable=[SkippedImage(name=one.name, why=one.why) for one in seen.skipped],
        notes=[*found.notes, *stack_notes(seen.images), *frame_notes(seen.images)],
        sizes=about.sizes,
        kinds=list(about.kinds),
        duplicates=repeated,
        classes=classes,
        hints=hints(about),
        environment=environment("cpu"),
    )
    run.write(directory.CONFIG, config.to_toml(run.path))
    run.write(TABLE, table(seen, groups, kinds))
    run.write(directory.REPORT, report.to_json() + "\n")
    progress.result(report)
    _draw(run, config.plots, report, seen, kinds)
    return report


def _found(config: DataConfig, progress: Progress) -> tuple[FoundImages, str]:
    """The images, with their classes where there are class folders or labels; and what is wrong with those folders."""
    if not config.data:
        progress.note(f"no DATA given: looking at {DEMO_IMAGES} generated images (dead leaves), as train-deconv would")
        made = dead_leaves(DEMO_IMAGES, DEMO_SIDE, config.seed, 1)
        return FoundImages([Candidate(name, None, made.pixels(i)) for i, name in enumerate(made.names)]), ""
    try:
        return find_images(config.data, True, "train", config.axes or ""), ""
    except DlcliError as error:
        why = error.message
    found = find_images(config.data, False, "train", config.axes or "")
    return found, why if "class folder" in why and NO_CLASSES not in why else ""


def _class_counts(seen: Survey, classes: Sequence[str]) -> list[ClassCount] | None:
    if not classes:
        return None
    counts = Counter(one.label for one in seen.images)
    return [ClassCount(name=name, images=counts[name]) for name in classes]


def _draw(
    run: directory.RunDirectory, format: PlotFormat, report: DataReport, seen: Survey, kinds: dict[KindKey, Kind]
) -> None:
    """The sheet of some images, and the chart of values and sizes."""
    if format == "none":
        return
    from dlcli.reports.charts.contact import Shown, contact_sheet
    from dlcli.reports.charts.values import KindOfValues, values_chart

    shown = []
    for number, one in enumerate(seen.looked):
        if one.picture is not None:
            m = one.measures
            kind = kinds[m.dtype, m.channels]
            shown.append(Shown(name_of(seen, number), m.height, m.width, one.picture, m.values.drawn, kind))
    run.write(f"{directory.PLOTS}/images.png", contact_sheet(shown, report))
    drawn = [
        KindOfValues(kinds[key], [one.values.drawn for one in images]) for key, images in by_kind(seen.looked).items()
    ]
    chart = values_chart(drawn, report, format=format)
    run.write_chart("values", format, chart.to_bytes())
