"""Runs that are there: what their folders tell, whatever state they are in."""

import json
import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dlcli.config import paths, toml
from dlcli.errors import DlcliError
from dlcli.files import JsonObject
from dlcli.reports.saved.metrics import Measured, metrics_of, number
from dlcli.runs.held import is_held
from dlcli.runs.names import CONFIG, EXPLAINED, METRICS, REPORT

FEDERATED = ("federate fit-linear", "federate train-deconv")
LEAVE_RUNS = ("fit-linear", "train-deconv", "tune-lr", "data", "noise", "explain", *FEDERATED)
NAMED = re.compile(rf"({'|'.join(LEAVE_RUNS).replace(' ', '[ -]')})-\d+")
DEPTH = 3  # folders within folders that are looked through
TAIL = 1 << 16  # bytes at the end of metrics.jsonl that hold its last line
SETTING = re.compile(r"^(command|data|training) = (\[\n.*?^\]|[^\n]*)$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class PastRun:
    """A run directory as it was found; each part of it may be missing, damaged or someone else's.

    ``report`` is {} where there is none that can be read, and ``trouble`` says why. ``settings`` are command, data and
    training of config.toml. ``written`` is when a file of it was last written, in seconds since 1970.
    """

    path: Path
    report: JsonObject
    settings: JsonObject
    trouble: str
    held: bool | None
    written: float

    @property
    def command(self) -> str:
        """The command that made it; empty where nothing tells."""
        named = NAMED.fullmatch(self.path.name)
        by_name = named[1].replace("federate-", "federate ") if named else ""
        for found in (self.report.get("command"), self.settings.get("command"), by_name):
            if isinstance(found, str) and found:
                return found
        return ""

    @property
    def data(self) -> list[str]:
        """The data that it was trained on, from the current folder; of a search the words of its training."""
        given = self.settings.get("data")
        if isinstance(given, list):
            return [paths.read_from(self.path, str(toml.restored(one))) for one in given]
        words = self.settings.get("training")
        return [str(word) for word in words if not str(word).startswith("-")][1:2] if isinstance(words, list) else []

    @property
    def status(self) -> str:
        """How it ended; or running, killed, unfinished or broken."""
        if self.held:
            return "running"
        if self.trouble:
            return "broken"
        ended = self.report.get("status")
        if isinstance(ended, str) and ended:
            return ended
        if self.report:
            return "broken"
        return "unfinished" if self.held is None else "killed"

    @property
    def reason(self) -> str:
        """Why it ended, or what is wrong with it, in words."""
        told = {
            "running": "a process is at work on it",
            "killed": "it has no report, and no process is at work on it",
            "unfinished": "it has no report, or not yet",
            "broken": self.trouble or "report.json has no status",
        }
        why = self.report.get("reason")
        return told.get(self.status) or (why if isinstance(why, str) else "")

    @cached_property
    def _last(self) -> JsonObject:
        return last_record(self.path / METRICS)

    @property
    def metrics(self) -> Measured:
        """Those of the report, or where there is none those of the last step that was recorded."""
        if self.report and not self.held:
            return metrics_of(self.report)
        last = self._last
        val = {name: number(value) for name, value in last.items() if name not in RECORDED}
        found: Measured = {"val": {"loss": number(last.get("val_loss")), **val}} if "val_loss" in last else {}
        known = {part: {n: v for n, v in values.items() if v is not None} for part, values in found.items()}
        train = {"train": {"loss": number(last["loss"])}} if "loss" in last else {}
        return {part: dict(values) for part, values in (known | train).items() if values}

    @cached_property
    def records(self) -> list[JsonObject]:
        """The whole lines of metrics.jsonl."""
        return [record for line in _lines(self.path / METRICS) if (record := _record(line)) is not None]

    @property
    def steps(self) -> int | None:
        """Steps taken, as far as is known."""
        known = number(self.report.get("steps") if self.report and not self.held else self._last.get("step"))
        return None if known is None else int(known)

    @property
    def seconds(self) -> float | None:
        """How long the command took; None where it has no report."""
        return number(self.report.get("seconds"))


# What each line of metrics.jsonl has, beside the metrics of validation.
RECORDED = frozenset({"step", "loss", "val_loss", "lr", "gradient_norm", "seconds"})


def past_runs(folder: Path) -> tuple[list[PastRun], int]:
    """The runs in ``folder``, or that which it is; and how many folders in it hold none.

    Raises DlcliError where there is no such folder.
    """
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "is not there"
        raise DlcliError(f"{folder} {what}", "give the folder that holds run directories")
    if (one := past_run(folder)) is not None:
        return [one], 0
    found, others = list[PastRun](), 0
    for run in _within(folder, DEPTH):
        if isinstance(run, PastRun):
            found.append(run)
        else:
            others += 1
    return found, others


def _within(folder: Path, depth: int) -> Iterator[PastRun | None]:
    """The runs in a folder and those in it; None for one that holds none."""
    try:
        inner = sorted(e.name for e in os.scandir(folder) if e.is_dir(follow_symlinks=True) and e.name[0] != ".")
    except OSError:
        return
    for name in inner:
        run = past_run(folder / name)
        if run is not None:
            yield run
            continue
        deeper = depth > 1 and not (folder / name).is_symlink()
        below = [one for one in _within(folder / name, depth - 1) if one is not None] if deeper else []
        yield from below
        if not below:
            yield None


def past_run(folder: Path) -> PastRun | None:
    """The run that ``folder`` is, or None."""
    report, trouble = _report(folder / REPORT)
    if not report and not trouble:
        report, trouble = _report(folder / EXPLAINED)
    settings = _settings(folder / CONFIG)
    ours = report.get("command") in LEAVE_RUNS and "run" in report
    if report and not ours:
        trouble = f"{REPORT} is not that of a run of dlcli"
        report = {}
    known = ours or settings.get("command") in LEAVE_RUNS or NAMED.fullmatch(folder.name)
    if not known and not {"step", "loss"} <= last_record(folder / METRICS).keys():
        return None
    return PastRun(folder, report, settings, trouble, is_held(folder), _written(folder))


def _report(path: Path) -> tuple[JsonObject, str]:
    """What report.json holds, and why it can't be read."""
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}, ""
    except OSError as error:
        return {}, f"{REPORT} cannot be read: {error.strerror}"
    except (ValueError, RecursionError):
        return {}, f"{REPORT} is damaged"
    return (document, "") if isinstance(document, dict) else ({}, f"{REPORT} is damaged")


def _settings(path: Path) -> JsonObject:
    """Command, data and training of config.toml, without the time that the whole of it would take."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    found: JsonObject = {}
    for setting in SETTING.finditer(text):
        try:
            found |= tomllib.loads(setting[0])
        except tomllib.TOMLDecodeError:
            continue
    return found


def last_record(path: Path) -> JsonObject:
    """The last whole line of metrics.jsonl; {} where there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL))
            lines = file.read().splitlines()
    except OSError:
        return {}
    found = (record for line in reversed(lines) if (record := _record(line)) is not None)
    return next(found, {})


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except OSError:
        return []


def _record(line: bytes) -> JsonObject | None:
    """A line of JSON; None where it is no whole object."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _written(folder: Path) -> float:
    """When a file of a run was last written."""
    times = []
    for place in (folder / REPORT, folder / EXPLAINED, folder / METRICS, folder / CONFIG, folder):
        try:
            times.append(place.stat().st_mtime)
        except OSError:
            continue
        if place.name in (REPORT, EXPLAINED):
            break
    return max(times, default=0.0)
