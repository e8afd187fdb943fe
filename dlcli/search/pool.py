"""Local worker processes: each runs jobs of the study with one thread, the parent shows what ends."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from dlcli.errors import DlcliError, ExitCode, Interrupted
from dlcli.search.study.study import Study

if TYPE_CHECKING:
    from dlcli.search.plan import Search
    from dlcli.search.session import Recorder

LOOK = 0.3  # seconds between two looks at the study
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")
TIME_IS_UP = 75  # exit code of a worker that left work undone
PATIENCE = 30.0  # seconds that workers get to put their jobs back after a signal


class Worker(subprocess.Popen[bytes]):
    """A process that runs jobs; what it says goes to a file, as a pipe that nobody reads would stop it when full."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.log = tempfile.TemporaryFile()  # noqa: SIM115  (as long as the process)
        super().__init__(
            [sys.executable, "-m", "dlcli.tasks.tune_worker"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=self.log, env=environment,
        )  # fmt: skip


def work_together(
    search: "Search", study: Study, recorder: "Recorder", url: str | None, deadline: float, check: Callable[[], None]
) -> str:
    """Run the study in local processes until nothing is left; why it stopped earlier. Raises Interrupted."""
    workers = [_start(search, study, url, deadline) for _ in range(search.config.workers)]
    try:
        return _watched(workers, search, study, recorder, deadline, check)
    finally:
        for worker in workers:
            worker.log.close()


def _watched(
    workers: list[Worker], search: "Search", study: Study, recorder: "Recorder", deadline: float,
    check: Callable[[], None],
) -> str:  # fmt: skip
    seen = {(r.number, r.rung) for r in study.records(search.halving) if r.ended}
    try:
        while any(worker.poll() is None for worker in workers):
            check()
            _show(search, study, recorder, seen)
            time.sleep(LOOK)
    except Interrupted:
        _stop(workers)
        _show(search, study, recorder, seen)
        raise
    finally:
        _stop(workers)
    _show(search, study, recorder, seen)
    return _verdict(workers, study, deadline)


def _show(search: "Search", study: Study, recorder: "Recorder", seen: set[tuple[int, int]]) -> None:
    """Show the trials that have ended since the last look."""
    done = 0.0
    jobs = [job for job in study.jobs() if job.ended]
    for job in jobs:
        done += search.halving.fractions[job.rung]
        if (job.number, job.rung) not in seen:
            seen.add((job.number, job.rung))
            share = done / search.halving.cost if search.halving.cost else len(jobs) / search.runs
            recorder.trial(search.halving.shown(job), min(share, 1.0))


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


def _start(search: "Search", study: Study, url: str | None, deadline: float) -> Worker:
    """A worker; what it must know goes through its standard input, as a URL may hold a password."""
    environment = os.environ | dict.fromkeys(THREADS, "1")
    worker = Worker(environment)
    base = {name: getattr(search.base, name) for name in search.base.model_fields_set}
    seconds = deadline - time.monotonic()
    order = {
        "config": search.config.model_dump(mode="json", exclude_unset=False), "training": search.name,
        "base": type(search.base).model_validate(base).model_dump(mode="json", exclude_unset=True),
        "url": url, "study": study.study.study_name, "seconds": seconds if seconds < 1e9 else None,
    }  # fmt: skip
    assert worker.stdin is not None
    worker.stdin.write(json.dumps(order).encode())
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
