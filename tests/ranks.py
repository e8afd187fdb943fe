"""Several processes of one run, as torchrun starts them, from forks of this one: nothing is imported anew."""

import importlib
import json
import os
import signal
import socket
import traceback
from collections.abc import Callable
from typing import Any

from dlcli.engine.ranks import Ranks, launched

LIMIT = 60  # seconds


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def in_ranks(count: int, work: Callable[[Ranks], Any], **env: str) -> list[Any]:
    """What ``work`` returns in each of ``count`` connected processes, as JSON has it; the text of what it raised."""
    importlib.import_module("torch._dynamo")  # which optimizers load: here, so that no process does

    settings = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), **env}
    children = []
    for rank in range(count):
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                os.close(reader)
                os.write(writer, _answer(work, settings | {"RANK": str(rank), "LOCAL_RANK": str(rank)}))
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


def _answer(work: Callable[[Ranks], Any], env: dict[str, str]) -> bytes:
    import torch

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(LIMIT)
    torch.set_num_threads(1)  # the threads of the process that was forked are not here
    os.environ.update(env)
    ranks = launched()
    try:
        ranks.connect("cpu")
        answer = work(ranks)
        ranks.close()
    except Exception as error:
        answer = f"{type(error).__name__}: {error}" if str(error) else traceback.format_exc()
    return json.dumps(answer).encode()
