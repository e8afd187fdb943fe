"""Several processes of one run, as torchrun starts them, from forks of this one: nothing is imported anew."""

import importlib
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dlcli.engine.ranks import Ranks, launched

LIMIT = 60  # seconds


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def in_ranks(
    count: int, work: Callable[[Ranks], Any], first: Callable[[Ranks], Any] = lambda _: None, **env: str
) -> list[Any]:
    """What ``work`` returns in each of ``count`` connected processes, as JSON has it; the text of what it raised.

    Each does ``first`` before it connects.
    """
    importlib.import_module("torch._dynamo")  # which optimizers load: here, so that no process does

    settings = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), **env}
    children = []
    for rank in range(count):
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                os.close(reader)
                answer = _answer(work, first, settings | {"RANK": str(rank), "LOCAL_RANK": str(rank)})
                with os.fdopen(writer, "wb") as stream:  # all of it: os.write may end with a part
                    stream.write(answer)
            finally:
                os._exit(0)
        os.close(writer)
        children.append((pid, reader))
    answers = []
    for pid, reader in children:
        with os.fdopen(reader, "rb") as stream:
            answers.append(stream.read())
        os.waitpid(pid, 0)
    return [json.loads(answer) if answer else None for answer in answers]


def _answer(work: Callable[[Ranks], Any], first: Callable[[Ranks], Any], env: dict[str, str]) -> bytes:
    import torch

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(LIMIT)
    torch.set_num_threads(1)  # the threads of the process that was forked are not here
    os.environ.update(env)
    ranks = launched()
    try:
        first(ranks)
        ranks.connect("cpu")
        answer = work(ranks)
        ranks.close()
    except Exception as error:
        text = getattr(error, "message", str(error))  # without the hint, of an error for the user
        answer = f"{type(error).__name__}: {text}" if text else traceback.format_exc()
    return json.dumps(answer).encode()


def torchrun(
    words: Sequence[str], folder: Path, count: int, restarts: int = 0, first: Callable[[], None] = lambda: None
) -> int:
    """The exit code of ``dlcli WORDS`` in ``folder``, started as torchrun would; each process does ``first`` first.

    The agent is torchrun's own, and so is what it does to a group; its processes are forks. What all of them say goes
    to the files out and err in ``folder``.
    """
    importlib.import_module("torch._dynamo")
    pid = os.fork()
    if not pid:
        code = 1
        try:
            code = _agent(words, folder, count, restarts, first)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _agent(words: Sequence[str], folder: Path, count: int, restarts: int, first: Callable[[], None]) -> int:
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    signal.alarm(LIMIT)
    os.chdir(folder)
    for target, name in enumerate(("out", "err"), 1):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), target)
    settings = LaunchConfig(
        1, 1, count, rdzv_backend="c10d", rdzv_endpoint="localhost:0", run_id="0", max_restarts=restarts,
        start_method="fork", rdzv_configs={"timeout": LIMIT}, monitor_interval=0.05,
    )  # fmt: skip
    try:
        elastic_launch(settings, _dlcli)(first, *words)
    except ChildFailedError as error:
        return next(iter(error.failures.values())).exitcode
    return 0


def _dlcli(first: Callable[[], None], *words: str) -> None:
    import torch

    from dlcli.cli.app import run

    sys.stdout, sys.stderr = open(1, "w"), open(2, "w")  # noqa: SIM115
    torch.set_num_threads(1)
    first()
    code = run(list(words))
    sys.stdout.flush()
    sys.stderr.flush()
    if code:
        os._exit(code)
