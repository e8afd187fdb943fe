"""What was measured of many images, put together for the report."""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dlcli.images.survey.duplicates import METHOD, Group
from dlcli.images.survey.measures import Measures
from dlcli.images.survey.survey import Looked, Survey
from dlcli.reports.data import ChannelValues, DuplicateGroup, Duplicates, Kind, NoiseSpread, Size, Sizes

COMMON_SIZES, MOST_GROUPS = 20, 1000
SATURATED = 0.01  # of an image's values at the ceiling
PERCENTS = (0.1, 1.0, 50.0, 99.0, 99.9)

KindKey = tuple[str, int]


def by_kind(looked: Sequence[Looked]) -> dict[KindKey, list[Measures]]:
    """The measures of images by type and channels, the most common kind first."""
    kinds: dict[KindKey, list[Measures]] = {}
    for one in looked:
        kinds.setdefault((one.measures.dtype, one.measures.channels), []).append(one.measures)
    return dict(sorted(kinds.items(), key=lambda item: (-len(item[1]), item[0])))


def sizes(survey: Survey) -> Sizes | None:
    """Of all images whose header was read."""
    shapes = Counter((one.header.height, one.header.width) for one in survey.images)
    if not shapes:
        return None
    shorter = sorted(min(one.header.height, one.header.width) for one in survey.images)
    common = sorted(shapes.items(), key=lambda item: (-item[1], item[0]))[:COMMON_SIZES]
    return Sizes(
        shortest_side=shorter[0],
        median_side=shorter[len(shorter) // 2],
        longest_side=max(map(max, shapes)),
        megapixels=sum(height * width * count for (height, width), count in shapes.items()) / 1e6,
        distinct=len(shapes),
        most_common=[Size(height=h, width=w, images=count) for (h, w), count in common],
    )


def kind_of(dtype: str, channels: int, images: Sequence[Measures]) -> Kind:
    """The images of one kind together."""
    values = [one.values for one in images]
    pixels = np.array([one.height * one.width for one in images], dtype=np.float64)
    low, high = np.min([v.low for v in values], axis=0), np.max([v.high for v in values], axis=0)
    means, deviations = np.stack([v.mean for v in values]), np.stack([v.deviation for v in values])
    mean, deviation = _pooled(means, deviations, pixels)
    whole_mean, whole_deviation = _pooled(mean[:, None], deviation[:, None], np.ones(channels))
    top = float(ceiling(dtype, high.max()))
    noise = [one.noise for one in images if one.noise is not None]
    return Kind(
        dtype=dtype,
        channels=channels,
        images=len(images),
        low=float(low.min()),
        high=float(high.max()),
        percentiles=percentiles(images),
        mean=float(whole_mean[0]),
        deviation=float(whole_deviation[0]),
        by_channel=[
            ChannelValues(low=float(a), high=float(b), mean=float(m), deviation=float(d))
            for a, b, m, d in zip(low, high, mean, deviation, strict=True)
        ],
        ceiling=top,
        saturated=sum(saturation(one, top) > SATURATED and not one.empty for one in images),
        at_ceiling=float(np.average([saturation(one, top) for one in images], weights=pixels)),
        empty=sum(one.empty for one in images),
        not_finite=sum(one.values.not_finite > 0 for one in images),
        transparent=sum(one.transparent for one in images),
        noise=_spread(noise) if noise else None,
    )


def ceiling(dtype: str, high: float) -> float:
    """The value above which nothing is recorded: 255 of 8 bits.

    Else the largest there is: 12 bits in 16 end at 4095, and values that pile up there were cut.
    """
    return float(np.iinfo(dtype).max) if np.dtype(dtype).itemsize == 1 and np.dtype(dtype).kind in "ui" else high


def saturation(one: Measures, top: float) -> float:
    """The share of an image's values that are at ``top``."""
    return one.values.at_high if float(one.values.high.max()) >= top else 0.0


def percentiles(images: Sequence[Measures]) -> dict[str, float]:
    """Of the values that were drawn of images, which all weigh the same."""
    drawn = np.concatenate([one.values.drawn for one in images])
    drawn = drawn[np.isfinite(drawn)]
    if not drawn.size:
        return {}
    return {f"{p:g}": float(v) for p, v in zip(PERCENTS, np.percentile(drawn, PERCENTS, method="nearest"), strict=True)}


def _pooled(
    means: NDArray[np.float64], deviations: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of all values together, from those of parts (N, C) with so many values (N,)."""
    mean = np.average(means, axis=0, weights=weights)
    variance = np.average(deviations**2 + (means - mean) ** 2, axis=0, weights=weights)
    return mean, np.sqrt(variance)


def _spread(noise: Sequence[float]) -> NoiseSpread:
    low, middle, high = np.quantile(noise, (0.1, 0.5, 0.9)).tolist()
    return NoiseSpread(median=middle, p10=low, p90=high)


def duplicates_of(survey: Survey, groups: Sequence[Group], straddling: int) -> Duplicates:
    """The groups, which number the images looked at, with the images' names."""
    exact = near = 0
    for group in groups:
        distinct = len({survey.looked[i].measures.digest for i in group.members})
        exact += len(group.members) - distinct
        near += distinct - 1
    return Duplicates(
        method=METHOD,
        exact=exact,
        near=near,
        groups=[
            DuplicateGroup(names=[name_of(survey, i) for i in group.members], exact=group.exact)
            for group in groups[:MOST_GROUPS]
        ],
        straddling=straddling,
    )


def name_of(survey: Survey, number: int) -> str:
    """Of the image that was looked at as number ``number``."""
    return survey.images[survey.looked[number].place].candidate.name


def table(survey: Survey, groups: Sequence[Group], kinds: Mapping[KindKey, Kind]) -> str:
    """A CSV row for each image that was looked at."""
    group_of = {member: number for number, group in enumerate(groups, 1) for member in group.members}
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(
        ["name", "class", "height", "width", "channels", "dtype", "low", "high", "mean", "deviation", "noise",
         "at_ceiling", "empty", "not_finite", "duplicate_group"]
    )  # fmt: skip
    for number, one in enumerate(survey.looked):
        m, image = one.measures, survey.images[one.place]
        mean, deviation = _pooled(m.values.mean[:, None], m.values.deviation[:, None], np.ones(m.channels))
        writer.writerow(
            [image.candidate.name, image.label or "", m.height, m.width, m.channels, m.dtype,
             *(f"{v:.8g}" for v in (m.values.low.min(), m.values.high.max(), mean[0], deviation[0])),
             "" if m.noise is None else f"{m.noise:.4g}",
             f"{saturation(m, kinds[m.dtype, m.channels].ceiling):.4g}", int(m.empty), m.values.not_finite,
             group_of.get(number, "")]
        )  # fmt: skip
    return stream.getvalue()
