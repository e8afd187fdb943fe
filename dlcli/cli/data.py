"""``dlcli data``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dlcli.cli.command import Command
from dlcli.cli.console import Console
from dlcli.config.data import DataConfig
from dlcli.text import counted, duration, printable_path

if TYPE_CHECKING:
    from dlcli.reports.data import DataReport, Kind, Sizes
    from dlcli.reports.evaluate import SkippedImage

NAMED, LISTED = 5, 10  # groups of duplicates and unreadable images; classes
COLORS = {1: "gray", 3: "RGB"}

DOC = """Show what is in a folder of images, before anyone trains.

How many images there are and how large, their type and channels, the range of their values, how many are saturated or
empty, estimated noise, duplicates, what can't be read and why, classes, and what train-deconv would do with them. The
run directory gets the report, `images.csv` with a row for each image, a sheet of some images, and a chart of values and
sizes. The exit code is 0 whatever the images are like; a script reads `--json`.

Examples:

- `dlcli data photos/`

- `dlcli data 'scans/*.tif' --out scans-data`

- `dlcli data photos/ --json | jq .duplicates.exact`

- `dlcli data mnist/` – class folders or MNIST's IDX files, with the balance of the classes
"""


class Data(Command[DataConfig, Console, "DataReport"]):
    """Looking at images."""

    config = DataConfig
    console = Console
    doc = DOC

    def work(self, config: DataConfig, console: Console) -> "DataReport":
        """Look."""
        from dlcli.tasks.data import look_at_data

        return look_at_data(config, console)

    def show(self, report: "DataReport", _config: DataConfig, console: Console, /) -> None:
        """What was found as a table, the images that can't be read, and the hints."""
        rows = [["images", _images(report)]]
        if report.sizes is not None:
            rows.append(["sizes", _sizes(report.sizes)])
        for kind in report.kinds:
            rows += _of_kind(kind, several=len(report.kinds) > 1)
        rows.append(["duplicates", _duplicates(report)])
        rows += [["", text] for text in _groups(report)]
        if report.classes is not None:
            rows.append(["classes", _classes(report)])
        console.facts(rows + _unreadable(report.unreadable))
        if hints := [["-", text] for text in (*report.notes, *(hint.text for hint in report.hints))]:
            console.line("")
            console.facts(hints)
        console.line("")
        console.line(f"{duration(report.seconds)}; saved in {report.run}")


def _images(report: "DataReport") -> str:
    text = f"{report.images:,}"
    if report.unreadable:
        text += f", and {len(report.unreadable):,} that cannot be read"
    if report.unopened:
        text += f", of {report.images + len(report.unreadable) + report.unopened:,} files; nothing was read of the rest"
    if report.looked_at < report.images:
        text += f"; all below but the sizes is of {report.looked_at:,} of them, chosen at random (--sample N)"
    return text


def _sizes(sizes: "Sizes") -> str:
    first = sizes.most_common[0]
    if sizes.distinct == 1:
        return f"{first.width} x {first.height} pixels (width x height), {sizes.megapixels:,.3g} megapixels in all"
    common = ", ".join(f"{size.width} x {size.height} ({size.images:,})" for size in sizes.most_common[:3])
    return (
        f"{sizes.distinct:,} different ones: {common}{', ...' if sizes.distinct > 3 else ''}; sides from "
        f"{sizes.shortest_side:,} to {sizes.longest_side:,} pixels, {sizes.megapixels:,.3g} megapixels in all"
    )


def _of_kind(kind: "Kind", *, several: bool) -> list[list[str]]:
    """The rows of one type: its values, noise and failings."""
    color = COLORS.get(kind.channels, counted(kind.channels, "channel"))
    color += f", {kind.transparent:,} with transparency" if kind.transparent else ""
    rows = [["type", f"{kind.dtype}, {color}" + (f": {counted(kind.images, 'image')}" if several else "")]]
    spread = kind.percentiles
    middle = f"; 0.1% are below {spread['0.1']:.5g}, 0.1% above {spread['99.9']:.5g}" if spread else ""
    rows.append(
        [
            "values",
            f"{kind.low:.6g} to {kind.high:.6g}{middle}; mean {kind.mean:.4g}, standard deviation {kind.deviation:.4g}",
        ]
    )
    if kind.noise is not None:
        rows.append(
            [
                "noise",
                f"about {kind.noise.median:.3g} (median; {kind.noise.p10:.3g} to {kind.noise.p90:.3g} in 8 of 10)",
            ]
        )
    ceiling = f"more than 1% of the values at {kind.ceiling:.6g}"
    rows.append(["saturated", f"{_share(kind.saturated, kind.images)} with {ceiling}" if kind.saturated else "none"])
    rows.append(["empty", f"{_share(kind.empty, kind.images)} of one value" if kind.empty else "none"])
    if kind.not_finite:
        rows.append(["not finite", f"{_share(kind.not_finite, kind.images)} with NaN or infinite values"])
    return rows


def _share(count: int, of: int) -> str:
    return f"{count:,} ({count / of:.1%})"


def _duplicates(report: "DataReport") -> str:
    found = report.duplicates
    if not found.groups:
        return "none"
    exact = f"{found.exact:,} equal to an earlier one" if found.exact else ""
    near = f"{found.near:,} nearly equal to an earlier one" if found.near else ""
    return ", ".join(filter(None, (exact, near)))


def _classes(report: "DataReport") -> str:
    classes = report.classes or []
    named = ", ".join(f"{printable_path(one.name)} ({one.images:,})" for one in classes[:LISTED])
    return f"{len(classes):,}: {named}" + (f" and {len(classes) - LISTED:,} more" if len(classes) > LISTED else "")


def _groups(report: "DataReport") -> list[str]:
    """The first groups of duplicates."""
    every = report.duplicates.groups
    texts = []
    for group in every[:NAMED]:
        alike = "equal" if group.exact else "nearly equal"
        names = ", ".join(printable_path(name) for name in group.names[:NAMED])
        more = f" and {len(group.names) - NAMED:,} more" if len(group.names) > NAMED else ""
        texts.append(f"{alike}: {names}{more}")
    if len(every) > NAMED:
        texts.append(f"and {counted(len(every) - NAMED, 'more group')}; report.json names them")
    return texts


def _unreadable(skipped: "Sequence[SkippedImage]") -> list[list[str]]:
    rows = [["" if place else "unreadable", f"{one.name}: {one.why}"] for place, one in enumerate(skipped[:NAMED])]
    if len(skipped) > NAMED:
        rows.append(["", f"and {len(skipped) - NAMED:,} more; report.json names them"])
    return rows


COMMAND = Data()
