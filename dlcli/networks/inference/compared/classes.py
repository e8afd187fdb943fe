"""Two networks that classify, on the same images: whether one is better by more than chance."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.bootstrap import Difference, Statistic, differences
from dlcli.engine.progress import Progress, Silent
from dlcli.errors import DlcliError
from dlcli.networks.inference.classify import classed_images, log_probabilities
from dlcli.networks.inference.settings import EvaluationSettings
from dlcli.networks.inference.trained import TrainedNetwork, load_for
from dlcli.text import counted, listed

Key = tuple[str, int]


def compared_classes(
    settings: EvaluationSettings, other: Path, seed: int, progress: Progress
) -> tuple[dict[str, Difference], int]:
    """Metrics of both networks on the images that both can be measured on, and how many those are.

    Raises DlcliError for networks that don't tell the same classes apart, and for images that don't fit one of them.
    """
    runs = [settings, replace(settings, source=replace(settings.source, run=other))]
    first, second = (load_for(one.source, one.data) for one in runs)
    _check_classes(settings.source.run, first, other, second)
    # What is to be told of reading for the first was told when it was measured.
    mine, theirs = _errors(runs[0], first, Silent()), _errors(runs[1], second, progress)
    keys = [key for key in mine if key in theirs]
    if not keys:
        raise DlcliError(f"--against {other}: no image could be measured by both", "look at what is skipped")
    if len(keys) < max(len(mine), len(theirs)):
        progress.note(f"--against: {counted(len(keys), 'image')} that both networks can be measured on are compared")
    columns = np.array([[1.0, *mine[key], *theirs[key]] for key in keys])
    return differences(columns, {"loss": _mean(0), "log_loss": _mean(0), "accuracy": _mean(1)}, seed), len(keys)


def _check_classes(run: Path, first: TrainedNetwork, other: Path, second: TrainedNetwork) -> None:
    if second.task != first.task:
        raise DlcliError(f"--against {other}: its task is {second.task}, not {first.task}", "give a run of that task")
    if set(first.classes) != set(second.classes):
        raise DlcliError(
            f"--against {other}: its classes are {listed(second.classes)}, and those of {run} {listed(first.classes)}",
            "give a run on the same classes",
        )


def _errors(
    settings: EvaluationSettings, trained: TrainedNetwork, progress: Progress
) -> dict[Key, tuple[float, float]]:
    """By an image's name, and which of that name it is: the loss, and whether its class was found."""
    image_set, _ = classed_images(settings, trained, progress)
    logs, labels = log_probabilities(trained, image_set), image_set.labels
    assert labels is not None
    losses = -logs[np.arange(len(labels)), labels]
    hits = (logs.argmax(1) == labels).astype(np.float64)
    pairs = zip(losses.tolist(), hits.tolist(), strict=True)
    return dict(zip(_keys(image_set.names), pairs, strict=True))


def _keys(names: Sequence[str]) -> list[Key]:
    seen: Counter[str] = Counter()
    keys = []
    for name in names:
        keys.append((name, seen[name]))
        seen[name] += 1
    return keys


def _mean(place: int) -> Statistic:
    def of(sums: FloatArray) -> tuple[FloatArray, FloatArray]:
        return sums[:, 1 + place] / sums[:, 0], sums[:, 3 + place] / sums[:, 0]

    return of
