"""The run directory: its names, and writes that a kill or a full disk can't leave half done."""

import json
import math
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dlcli.engine.revision import look
from dlcli.errors import DlcliError
from dlcli.files import JsonObject, to_json, valid_text, write_atomic
from dlcli.runs.held import Hold
from dlcli.runs.names import CONFIG as CONFIG
from dlcli.runs.names import CONTRIBUTIONS, EVENTS, EXPLAINED, EXPLAINED_PAGE, MLFLOW, PAGE, PATH
from dlcli.runs.names import METRICS as METRICS
from dlcli.runs.names import MODEL as MODEL
from dlcli.runs.names import PLOTS as PLOTS
from dlcli.runs.names import REPORT as REPORT
from dlcli.runs.names import STATE as STATE
from dlcli.runs.trials import BEST, JOURNAL, TABLE, TRIALS

if TYPE_CHECKING:
    from dlcli.runs.trackers.base import Tracker

PLOT_FORMATS = ("png", "svg", "pdf")
# What explaining and trackers leave.
OF_OTHERS = (EXPLAINED, EXPLAINED_PAGE, f"{CONTRIBUTIONS}.csv", f"{CONTRIBUTIONS}.parquet", MLFLOW)


class RunDirectory:
    """One run's folder. It is checked at once and made at the first write, so refused input leaves nothing."""

    def __init__(self, command: str, out: Path | None, force: bool = False) -> None:
        """Raises DlcliError when ``out`` is a file, is not empty (without ``force``) or can't be written."""
        self.command = command
        self._given = out
        self._path: Path | None = None
        self._hold: Hold | None = None
        self.tracker: Tracker | None = None  # what --log-to names, told of each report
        look()  # at git, while the work begins
        base = out or Path("runs")
        if base.exists() and not base.is_dir():
            raise DlcliError(f"--out {base} is a file", "give a directory")
        if out is not None and out.is_dir() and not force and any(out.iterdir()):
            raise DlcliError(f"--out {out} is not empty", "choose another directory, or add --force")
        parent = base
        while not parent.exists():
            parent = parent.parent
        if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
            raise DlcliError(f"cannot write to {parent}", "choose another directory with --out")

    @classmethod
    def reopen(cls, command: str, path: Path) -> "RunDirectory":
        """The directory of a run that is taken up again: nothing in it is removed. Raises DlcliError."""
        if not (path / CONFIG).is_file():
            raise DlcliError(f"--resume {path}: there is no run directory", f"give one that 'dlcli {command}' made")
        return cls.taken_up(command, path)

    @classmethod
    def existing(cls, command: str, out: Path | None) -> list[Path]:
        """``out``, or without it all of runs/COMMAND-NNN, the newest first; those that are there."""
        if out is not None:
            return [out] if out.is_dir() else []
        numbered = re.compile(re.escape(command) + r"-(\d+)")
        runs = Path("runs")
        found = [(int(m[1]), p) for p in runs.iterdir() if (m := numbered.fullmatch(p.name))] if runs.is_dir() else []
        return [path for _, path in sorted(found, reverse=True)]

    @classmethod
    def taken_up(cls, command: str, path: Path) -> "RunDirectory":
        """A directory of a run that was stopped, to write the rest into."""
        run = cls(command, path, force=True)
        run._path, run._hold = path, Hold(path)
        return run

    @property
    def path(self) -> Path:
        """The folder, made on first use."""
        if self._path is None:
            try:
                self._path = self._make()
                self._hold = Hold(self._path)  # so that who looks can tell that it isn't killed
            except OSError as error:
                place = self._given or Path("runs")
                raise DlcliError(
                    f"cannot make {place}: {error.strerror or error}", "choose another directory with --out"
                ) from None
        return self._path

    def _make(self) -> Path:
        if self._given is not None:
            self._given.mkdir(parents=True, exist_ok=True)
            # With --force, what an earlier run left must not pass for this one's.
            # The config goes first: without it a kill in between leaves nothing that could be taken up.
            for name in (CONFIG, STATE, MODEL, METRICS, REPORT, PATH, PAGE, TRIALS, TABLE, BEST, *OF_OTHERS):
                (self._given / name).unlink(missing_ok=True)
            for old in (*self._given.glob(f"{JOURNAL}*"), *self._drawn(self._given)):
                old.unlink(missing_ok=True)
            if (self._given / EVENTS).is_dir():
                shutil.rmtree(self._given / EVENTS)
            self._remove_cut_off(self._given)
            return self._given
        runs = Path("runs")
        runs.mkdir(exist_ok=True)
        pattern = re.compile(re.escape(self.command) + r"-(\d+)")
        numbers = [int(m.group(1)) for p in runs.iterdir() if (m := pattern.fullmatch(p.name))]
        number = max(numbers, default=0) + 1
        while True:  # another process may take the number between the look and the making
            path = runs / f"{self.command}-{number:03d}"
            try:
                path.mkdir()
            except FileExistsError:
                number += 1
            else:
                return path

    def write(self, name: str, data: bytes | str) -> None:
        """Write one file of the run, atomically."""
        target = self.path / name
        try:
            target.parent.mkdir(exist_ok=True)
        except OSError as error:
            reason = error.strerror or error
            raise DlcliError(f"cannot make {target.parent}: {reason}", "free some space or choose --out") from None
        write_atomic(target, valid_text(data).encode() if isinstance(data, str) else data)
        if name in (REPORT, EXPLAINED) and self._hold is not None:
            self._hold.close()  # it has ended, whatever is still drawn

    def write_chart(self, name: str, extension: str, data: bytes) -> None:
        """Write plots/NAME.EXTENSION; the same chart with another one, from before a resumption, goes."""
        self.write(f"{PLOTS}/{name}.{extension}", data)
        for other in set(PLOT_FORMATS) - {extension}:
            self.remove(f"{PLOTS}/{name}.{other}")

    @staticmethod
    def _drawn(path: Path) -> list[Path]:
        return [found for extension in PLOT_FORMATS for found in (path / PLOTS).glob(f"*.{extension}")]

    def has(self, name: str) -> bool:
        """Whether one file of the run is there."""
        return (self.path / name).exists()

    def remove(self, name: str) -> None:
        """Remove one file of the run, if it is there."""
        (self.path / name).unlink(missing_ok=True)

    def remove_cut_off(self) -> None:
        """Remove what a kill in the middle of ``write`` left: a temporary file beside its target."""
        self._remove_cut_off(self.path)

    @staticmethod
    def _remove_cut_off(path: Path) -> None:
        for folder in (path, (path / STATE).parent, path / PLOTS):
            for temporary in folder.glob(".*.tmp"):
                temporary.unlink(missing_ok=True)

    def append_metrics(self, record: JsonObject, name: str = METRICS) -> None:
        """Append one report to metrics.jsonl (or another file of JSON lines), flushed."""
        try:
            with (self.path / name).open("a", encoding="utf-8") as stream:
                stream.write(to_json(record, indent=None) + "\n")
        except OSError as error:
            raise DlcliError(f"cannot write {self.path / name}: {error.strerror}", "free some space") from None
        if self.tracker is not None and name == METRICS:
            self.tracker.step(record)

    def keep_metrics(self, step: int, records: Sequence[JsonObject]) -> None:
        """Bring metrics.jsonl back to ``step``.

        The reports after it, and a line cut off by a kill, will come again. Those of ``records``, the reports up to
        the step, that the file lacks are added: unlike a checkpoint, its lines may be lost when the power goes.
        """
        try:
            lines = (self.path / METRICS).read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            lines = []
        kept = {number: line for line in lines if (number := _step_of(line)) <= step}
        known = {float(record["step"]): f"{to_json(record, indent=None)}\n".encode() for record in records}
        whole = [line for _, line in sorted((known | kept).items())]
        if whole != lines:
            self.write(METRICS, b"".join(whole))

    def has_reports(self) -> bool:
        """Whether metrics.jsonl has a report of a later step than 0."""
        try:
            lines = (self.path / METRICS).read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return False
        return any(0 < _step_of(line) < math.inf for line in lines)


class UnwrittenRun(RunDirectory):
    """The directory of a run that another process writes: here nothing is read or written."""

    def __init__(self, command: str) -> None:
        self.command = command
        self._given, self._path = None, Path("runs")

    def write(self, name: str, data: bytes | str) -> None:
        """Ignore."""

    def append_metrics(self, record: JsonObject, name: str = METRICS) -> None:
        """Ignore."""

    def keep_metrics(self, step: int, records: Sequence[JsonObject]) -> None:
        """Ignore."""

    def remove(self, name: str) -> None:
        """Ignore."""

    def remove_cut_off(self) -> None:
        """Ignore."""

    def has(self, _name: str) -> bool:
        """No."""
        return False

    def has_reports(self) -> bool:
        """No."""
        return False


def _step_of(line: bytes) -> float:
    """The step of a line of metrics.jsonl; infinite where it is no whole line."""
    try:
        return float(json.loads(line)["step"]) if line.endswith(b"\n") else math.inf
    except (ValueError, KeyError, TypeError):
        return math.inf
