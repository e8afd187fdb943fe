"""What every tracker is told, and what of a run it takes."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dlcli.files import JsonObject
from dlcli.runs.names import CONFIG, PLOTS, REPORT

TRAINING = {"loss": "train/loss", "val_loss": "val/loss"}  # in metrics.jsonl: as charts of other tools group them
OF_THE_STEP = frozenset({"step", "seconds"})
SETTINGS = "settings"


class Tracker(Protocol):
    """Writes one run into another tool."""

    def step(self, record: JsonObject) -> None:
        """A line of metrics.jsonl has been written."""

    def end(self, run: Path) -> None:
        """The run in folder ``run`` has ended, with a report or, where it failed before one, without."""


def scalars(record: Mapping[str, object]) -> dict[str, float]:
    """The finite numbers of a line of metrics.jsonl, but for the step and the time, by ``train/NAME``, ``val/NAME``.

    ``lr`` and ``gradient_norm`` keep their names; what else validation measures is ``val/NAME``.
    """
    found: dict[str, float] = {}
    for name, value in record.items():
        if name in OF_THE_STEP or isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        if math.isfinite(value):
            plain = name if name in ("lr", "gradient_norm") else f"val/{name}"
            found[TRAINING.get(name, plain)] = float(value)
    return found


@dataclass(frozen=True)
class Ended:
    """What a run that has ended left behind: its settings, its report ({} without one) and its pictures."""

    settings: dict[str, str]
    report: dict[str, Any]
    pictures: list[Path]

    @classmethod
    def of(cls, run: Path) -> "Ended":
        """That of the folder ``run``."""
        pictures = sorted(path for path in (run / PLOTS).glob("*") if not path.name.startswith("."))
        return cls(_settings(run / CONFIG), _report(run / REPORT), pictures)

    @property
    def status(self) -> str:
        """converged, finished, stopped or diverged; failed where there is no report."""
        return str(self.report.get("status", "failed"))

    @property
    def metrics(self) -> dict[str, float]:
        """The finite metrics of the model that was saved, by ``model/train/NAME`` and ``model/val/NAME``."""
        return metrics_of(self.report.get("metrics", {}))

    @property
    def trials(self) -> list[dict[str, Any]]:
        """A search's trials, as the report has them."""
        trials = self.report.get("trials", [])
        return list(trials) if isinstance(trials, list) else []


def metrics_of(parts: object) -> dict[str, float]:
    """Finite numbers of ``{"train": {...}, "val": {...}}`` by ``model/PART/NAME``."""
    found: dict[str, float] = {}
    for part, metrics in parts.items() if isinstance(parts, dict) else ():
        for name, value in metrics.items() if isinstance(metrics, dict) else ():
            if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
                found[f"model/{part}/{name}"] = float(value)
    return found


def _settings(path: Path) -> dict[str, str]:
    """What config.toml sets, as text; {} where the run never came to write it."""
    import tomllib

    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}


def _report(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
