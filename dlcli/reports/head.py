"""The fields that all reports of a kind have, made in one place: ``FitLinearReport(**head, ...)``."""

import time
from pathlib import Path
from typing import NamedTuple, TypedDict

from dlcli import __version__


class PredictionHead(TypedDict):
    """The fields that all reports of ``predict`` have, but for its name."""

    run: str
    out: str | None
    seconds: float
    status: str


class RunHead(TypedDict):
    """The fields of every ``RunReport``, but for the command, which goes with the report's type."""

    dlcli: str
    run: str
    device: str
    seed: int
    seconds: float
    steps: int
    status: str


class TrainingHead(RunHead):
    """The fields of every ``TrainingReport``, likewise."""

    reason: str
    signal: int | None


class Ended(NamedTuple):
    """How a training or a search ended; ``signum`` is 0 where no signal interrupted it."""

    steps: int
    status: str
    reason: str
    signum: int


def training_head(run: Path | str, device: str, seed: int, seconds: float, ended: Ended) -> TrainingHead:
    """The head of a training or a search, which took ``seconds``."""
    return {
        "dlcli": __version__, "run": str(run), "device": device, "seed": seed, "seconds": seconds,
        "steps": ended.steps, "status": ended.status, "reason": ended.reason, "signal": ended.signum or None,
    }  # fmt: skip


def evaluation_head(run: Path, device: str, seed: int, start: float) -> RunHead:
    """The head of what trains nothing; it began at ``start`` (time.monotonic), and ends now."""
    return {
        "dlcli": __version__, "run": str(run), "device": device, "seed": seed, "seconds": time.monotonic() - start,
        "steps": 0, "status": "finished",
    }  # fmt: skip


def prediction_head(run: Path, out: Path | None, start: float) -> PredictionHead:
    """The head of a ``predict`` that began at ``start`` (time.monotonic), and ends now."""
    return {
        "run": str(run), "out": str(out) if out else None, "seconds": time.monotonic() - start, "status": "finished",
    }  # fmt: skip
