"""Local worker processes: each runs jobs of the study with one thread, the parent shows what ends."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from pydantic import JsonValue

from dlcli.errors import DlcliError, ExitCode
from dlcli.search.plan import Search
from dlcli.search.progress import Watcher
from dlcli.search.study.study import Study

LOOK = 0.3  # seconds between two looks at the study
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")
TIME_IS_UP = 75  # exit code of a worker that left work undone
PATIENCE = 30.0  # seconds that workers get to put their jobs back after a signal


@dataclass(frozen=True)
class WorkerOrder:
    """What a worker must know: the options of tune-lr and of the training command, the study, and its time.

    It goes through the worker's standard input, as a URL may hold a password.
    """

    options: dict[str, JsonValue]
    training: str
    training_options: dict[str, JsonValue]
    url: str | None = None
    study: str | None = None
    seconds: float | None = None

    def for_study(self, url: str | None, study: str) -> "WorkerOrder":
        """The order to run trials of a study."""
        return replace(self, url=url, study=study)

    def to_json(self) -> str:
        """As ``from_json`` takes it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "WorkerOrder":
        """What ``to_json`` gave."""
        return cls(**json.loads(text))


class Worker(subprocess.Popen[bytes]):
    """A process that runs jobs; what it says goes to a file, as a pipe that nobody reads would stop it when full."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.log = tempfile.TemporaryFile()  # noqa: SIM115  (as long as the process)
        super().__init__(
            [sys.executable, "-m", "dlcli.tasks.tune_worker"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=self.log, env=environment,
        )  # fmt: skip


def work_together(
    search: Search, study: Study, watcher: Watcher, order: WorkerOrder, deadline: float, check: Callable[[], None]
) -> str:
    """Run the study in local processes until nothing is left; why it stopped earlier. Raises Interrupted."""
    shown = _Shown(search, study, watcher)
    workers: list[Worker] = []
    try:
        try:
            for _ in range(search.settings.workers):
                workers.append(_start(order, deadline))
        except OSError:  # no further process can be made: those that there are must not go on alone
            _stop(workers)
            raise
        _watch(workers, shown, check)
        return _verdict(workers, study, deadline)
    finally:
        for worker in workers:
            worker.log.close()


def _watch(workers: list[Worker], shown: "_Shown", check: Callable[[], None]) -> None:
    """Show what ends, until all workers have; stop them when a signal comes."""
    try:
        while any(worker.poll() is None for worker in workers):
            check()
            shown.update()
            time.sleep(LOOK)
    finally:
        _stop(workers)
        shown.update()


class _Shown:
    """The trials that have been shown."""

    def __init__(self, search: Search, study: Study, watcher: Watcher) -> None:
        self.search, self.study, self.watcher = search, study, watcher
        self.seen = {(r.number, r.rung) for r in study.records(search.halving) if r.ended}

    def update(self) -> None:
        """Show the trials that have ended since the last look."""
        done, halving = 0.0, self.search.halving
        jobs = [job for job in self.study.jobs() if job.ended]
        for job in jobs:
            done += halving.fractions[job.rung]
            if (job.number, job.rung) not in self.seen:
                self.seen.add((job.number, job.rung))
                share = done / halving.cost if halving.cost else len(jobs) / self.search.runs
                self.watcher.trial(halving.shown(job), min(share, 1.0))


def _verdict(workers: list[Worker], study: Study, deadline: float) -> str:
    if any(worker.returncode == TIME_IS_UP for worker in workers):
        return "time limit reached"
    failures = [worker for worker in workers if worker.returncode not in (0, None)]
    if any(study.open_jobs()):
        if time.monotonic() >= deadline:
            return "time limit reached"
        errors = " ".join(_error(worker) for worker in failures[:1])
        raise DlcliError(
            f"{len(failures)} of {len(workers)} workers failed: {errors or 'killed'}",
            "the trials that ended are kept: repeat the command to continue", ExitCode.TRAINING_FAILED,
        )  # fmt: skip
    return ""


def _error(worker: Worker) -> str:
    worker.log.seek(0)
    text = worker.log.read().decode(errors="replace").strip()
    return text.splitlines()[-1].removeprefix("dlcli: ") if text else f"ended by signal {-(worker.returncode or 0)}"


def _start(order: WorkerOrder, deadline: float) -> Worker:
    worker = Worker(os.environ | dict.fromkeys(THREADS, "1"))
    seconds = deadline - time.monotonic()
    assert worker.stdin is not None
    text = replace(order, seconds=seconds if seconds < 1e9 else None).to_json()
    with contextlib.suppress(BrokenPipeError):  # one that died at once: ``_verdict`` says so
        worker.stdin.write(text.encode())
        worker.stdin.close()
    return worker


def _stop(workers: list[Worker]) -> None:
    """Ask workers that still run to stop, and wait until they have put their jobs back."""
    running = [worker for worker in workers if worker.poll() is None]
    for worker in running:
        worker.send_signal(signal.SIGTERM)
    end = time.monotonic() + PATIENCE
    for worker in running:
        try:
            worker.wait(max(0.1, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.kill()
