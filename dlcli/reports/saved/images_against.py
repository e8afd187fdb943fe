"""Two networks on the same images, from what eval measured of each image."""

from collections import Counter
from pathlib import Path

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.bootstrap import Difference, Statistic, differences
from dlcli.errors import DlcliError
from dlcli.reports.evaluate import ClassificationReport, ImageQuality, RestorationReport

SAME = 1e-6  # dB by which one degraded image may differ from itself
METRICS = ("psnr", "ssim", "rmse")

Measured = RestorationReport | ClassificationReport
Key = tuple[str, int | None, int]


def compared_images(
    first: RestorationReport, second: Measured, other: Path, seed: int
) -> tuple[dict[str, Difference], int]:
    """Metrics of both networks on the images that both were measured on, and how many those are.

    Raises DlcliError for networks of other tasks, and where they are given other inputs.
    """
    if isinstance(second, ClassificationReport) or first.task != second.task:
        raise DlcliError(f"--against {other}: its task is {second.task}, not {first.task}", "give a run of that task")
    mine, theirs = _by_key(first.per_image), _by_key(second.per_image)
    keys = [key for key in mine if key in theirs]
    if not keys:
        raise DlcliError(f"--against {other}: no image could be measured by both", "look at what is skipped")
    for key in keys:
        before, after = mine[key].input_psnr, theirs[key].input_psnr
        if abs(before - after) > SAME:
            raise DlcliError(
                f"--against {other}: its inputs have {after:.2f} dB where those of {first.run} have {before:.2f} dB",
                "have both degraded alike, as by --sigma",
            )
    pairs = [(mine[key], theirs[key]) for key in keys]
    names = [name for name in METRICS if all(_value(row, name) is not None for pair in pairs for row in pair)]
    columns = np.array([[1.0, *(_value(row, name) or 0.0 for name in names for row in pair)] for pair in pairs])
    statistics = {name: _mean(1 + 2 * place) for place, name in enumerate(names)}
    return differences(columns, statistics, seed), len(keys)


def _by_key(rows: list[ImageQuality]) -> dict[Key, ImageQuality]:
    """What was measured by the image's name and kernel, and which of that name it is."""
    seen: Counter[tuple[str, int | None]] = Counter()
    found = {}
    for row in rows:
        found[row.name, row.kernel, seen[row.name, row.kernel]] = row
        seen[row.name, row.kernel] += 1
    return found


def _value(row: ImageQuality, name: str) -> float | None:
    value: float | None = getattr(row, name)
    return value


def _mean(place: int) -> Statistic:
    def of(sums: FloatArray) -> tuple[FloatArray, FloatArray]:
        return sums[:, place] / sums[:, 0], sums[:, place + 1] / sums[:, 0]

    return of
