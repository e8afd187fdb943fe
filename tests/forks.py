"""The command as a process of its own that starts in milliseconds: a fork of one that has imported everything.

    python -P tests/forks.py

takes a request a line from standard input, in JSON, and answers each with a line: "start" (arguments, folder, env,
files for the three streams, seconds that it may take) with a process's number, "wait" with its exit code, and "poll"
with that or null. The parent imports and computes nothing, so no command sees what another has left.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

LIBRARIES = (
    "alembic.command", "optuna.storages._rdb.storage", "PIL.Image", "polars", "rich.live", "rich.table",
    "safetensors.numpy", "sqlalchemy.dialects.sqlite", "tomli_w", "torch._dynamo", "typer.rich_utils",
)  # fmt: skip
PARENT_DIES = 1  # PR_SET_PDEATHSIG of prctl


def without_charts(words: list[str]) -> list[str]:
    """A command line that draws no charts, unless it says something of them itself."""
    draws = words[:1] in (["fit-linear"], ["train-deconv"], ["tune-lr"], ["explain"])
    if not draws or {"--plots", "--config", "--resume", "--dry-run", "--help"} & set(words):
        return words
    return [words[0], "--plots", "none", *words[1:]]


class Started:
    """A command that runs: as subprocess.Popen has it, with pipes for stdout and stderr."""

    def __init__(self, host: "Host", pid: int, pipes: Sequence[Path]) -> None:
        self._host, self.pid, self.returncode = host, pid, None
        self.stdout, self.stderr = (pipe.open() for pipe in pipes)

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        if self.returncode is None:
            self.returncode = self._host.ask("poll", self.pid)
        return self.returncode

    def communicate(self, timeout: float = 120.0) -> tuple[str, str]:
        """All that it says from here to its end, which is waited for; it is killed after so many seconds."""
        late = threading.Timer(timeout, self.kill)
        late.start()
        with ThreadPoolExecutor(1) as pool:
            said = pool.submit(self.stderr.read)
            texts = self.stdout.read(), said.result()
        self.stdout.close()
        self.stderr.close()
        if self.returncode is None:
            self.returncode = self._host.ask("wait", self.pid)
        late.cancel()
        return texts

    def send_signal(self, signum: int) -> None:
        """Send it a signal, if it hasn't ended."""
        if self.poll() is None:
            os.kill(self.pid, signum)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)


class Host:
    """The process that forks; it is started with the first command."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._process: subprocess.Popen[str] | None = None
        self._one = threading.Lock()  # request at a time

    def run(
        self, arguments: Sequence[str], folder: Path, env: Mapping[str, str], stdin: bytes, timeout: float = 120.0
    ) -> tuple[int, str, str]:
        """Exit code (negative: the signal), stdout and stderr of ``dlcli ARGUMENTS``; -14 when it takes too long."""
        with tempfile.TemporaryDirectory() as place:
            files = [Path(place) / name for name in ("stdin", "stdout", "stderr")]
            files[0].write_bytes(stdin)
            pid = self.ask("start", list(arguments), str(folder), dict(env), list(map(str, files)), timeout)
            code = self.ask("wait", pid)
            return code, files[1].read_bytes().decode(), files[2].read_bytes().decode()

    def start(
        self, arguments: Sequence[str], folder: Path, env: Mapping[str, str], timeout: float = 300.0
    ) -> "Started":
        """``dlcli ARGUMENTS``, which is not waited for, in a session of its own."""
        with tempfile.TemporaryDirectory() as place:
            pipes = [Path(place) / name for name in ("stdout", "stderr")]
            for pipe in pipes:
                os.mkfifo(pipe)
            files = [os.devnull, *map(str, pipes)]
            pid = self.ask("start", list(arguments), str(folder), dict(env), files, timeout)
            return Started(self, pid, pipes)

    def ask(self, *request: Any) -> Any:
        """The answer to a request."""
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                env=os.environ | {"PYTHONPATH": str(self._root)},
            )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._one:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        assert answer, "the host of the commands has died"
        return json.loads(answer)

    def close(self) -> None:
        """End the host."""
        if self._process is not None:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
            self._process.wait()
            self._process.stdout.close()


def load_modules() -> None:
    """Import what commands import; one that can't be imported is left to the commands that need it."""
    for name in LIBRARIES:
        importlib.import_module(name)
    package = importlib.import_module("dlcli")
    for module in pkgutil.walk_packages(package.__path__, "dlcli.", onerror=lambda _: None):
        if module.name != "dlcli.__main__":
            with contextlib.suppress(Exception):
                importlib.import_module(module.name)


def become(arguments: list[str], folder: str, env: dict[str, str], files: list[str], timeout: float) -> None:
    """Become the command; leaves with its exit code."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DIES, signal.SIGKILL)
    os.setsid()
    signal.alarm(int(timeout))
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    for target, name in enumerate(files):
        handle = os.open(name, os.O_RDONLY if target == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, target)
        os.close(handle)
    sys.argv = ["dlcli", *arguments]
    code: Any = 0
    try:
        from dlcli.__main__ import main

        main()
    except SystemExit as error:
        code = error.code
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def main() -> None:
    """Serve the requests of standard input."""
    load_modules()
    gc.collect()
    gc.freeze()  # else collections in the forks touch, and so copy, what all of them share
    for line in sys.stdin:
        verb, *request = json.loads(line)
        if verb == "start":
            answer = os.fork()
            if not answer:
                try:
                    become(*request)
                finally:
                    os._exit(99)
        else:
            pid, status = os.waitpid(request[0], os.WNOHANG if verb == "poll" else 0)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
