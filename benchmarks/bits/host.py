"""Runs cases with the package of PYTHONPATH, each command in a fork: the libraries are imported once for all.

    python -P host.py JOBS < cases.json

Standard input holds a list of {"folder": ..., "commands": [...]}; a line of JSON with the case's number, its exit
codes and its seconds goes to standard output as each ends. Before the fork modules are imported and nothing is run, so
no command sees what another has left.
"""

import concurrent.futures
import contextlib
import ctypes
import importlib
import importlib.util
import json
import os
import pkgutil
import shlex
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

LIBRARIES = ("optuna", "PIL.Image", "polars", "pydantic", "safetensors.numpy", "torch._dynamo", "typer")
PARENT_DIES = 1  # PR_SET_PDEATHSIG of prctl
LIMIT = 300  # seconds after which a command is hanging


def load_modules() -> None:
    """Import what most commands import; nothing may be computed, as its threads wouldn't exist in the forks.

    A module of the package that can't be imported is left to the commands that need it.
    """
    for name in LIBRARIES:
        importlib.import_module(name)
    with contextlib.suppress(Exception):
        package = importlib.import_module("dlcli")
        for module in pkgutil.walk_packages(package.__path__, "dlcli.", onerror=lambda _: None):
            with contextlib.suppress(Exception):
                importlib.import_module(module.name)


def run_command(command: str, number: int, folder: Path, lock: threading.Lock) -> int:
    """The exit code of a command, whose streams are left in ``folder``; negative for a signal."""
    words = shlex.split(command)
    blow = None
    if words[0].startswith("@"):
        blow, words = (int(words[0][1:]), words[1]), words[2:]
    with lock:
        pid = os.fork()
    if not pid:
        try:
            _child(words, number, folder, blow)
        finally:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _child(words: list[str], number: int, folder: Path, blow: tuple[int, str] | None) -> None:
    """Become the command; leaves with its exit code."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DIES, signal.SIGKILL)
    signal.alarm(LIMIT)
    os.chdir(folder)
    for target, name in ((0, os.devnull), (1, f"stdout-{number}"), (2, f"stderr-{number}")):
        os.dup2(os.open(name, os.O_RDONLY if target == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC), target)
    sys.argv = ["dlcli", *words]
    if blow:
        _interrupt_at(*blow)
    code: Any = 0
    try:
        from dlcli.__main__ import main

        main()
    except SystemExit as error:
        code = error.code
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 98
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def _interrupt_at(count: int, name: str) -> None:
    """Ctrl-C as the file of this name is opened for writing for the ``count``-th time: a moment that repeats."""
    seen = [0]

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and str(arguments[0]).endswith(name) and "a" in str(arguments[1]):
            seen[0] += 1
            if seen[0] == count:
                os.kill(os.getpid(), signal.SIGINT)

    sys.addaudithook(watch)


def main() -> None:
    """Run the cases of standard input."""
    spec = importlib.util.find_spec("dlcli")
    place = os.environ["PYTHONPATH"]
    if spec is None or spec.origin is None or not spec.origin.startswith(place):
        sys.exit(f"the package would come from {spec and spec.origin}, not from {place}")
    cases = json.load(sys.stdin)
    load_modules()
    lock = threading.Lock()

    def run_case(entry: tuple[int, dict[str, Any]]) -> None:
        index, case = entry
        begin = time.perf_counter()
        folder = Path(case["folder"])
        codes = [run_command(command, i, folder, lock) for i, command in enumerate(case["commands"], 1)]
        with lock:
            print(json.dumps([index, codes, time.perf_counter() - begin]), flush=True)

    with concurrent.futures.ThreadPoolExecutor(int(sys.argv[1])) as pool:
        list(pool.map(run_case, enumerate(cases)))


if __name__ == "__main__":
    main()
