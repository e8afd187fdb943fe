"""The processes of one run that torchrun started: sums over them, and values that they share.

``torchrun`` says by environment variables which of how many each is. CPU tensors and arrays go over gloo, those of a
GPU over NCCL. A run of one process imports nothing here, and gets back what it gave.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from dlcli.engine import interrupts, wire
from dlcli.errors import DlcliError, ExitCode, Interrupted

if TYPE_CHECKING:
    from torch import Tensor
    from torch.distributed import TCPStore, Work  # type: ignore[attr-defined]

    from dlcli.engine.arrays import FloatArray

GRACE = 20.0  # seconds that a signal lets it wait further; torchrun kills 30 seconds after its own
GLANCE = 1.0  # seconds between two looks at whether a signal has come
JSON, BYTES = b"j", b"b"  # the first byte of what is shared: what the others are

_store: "TCPStore | None" = None  # a process belongs to one group
_moment = 0.0  # what ``now`` says in a group


class LostRanksError(DlcliError):
    """Another process of the run is gone, or doesn't answer."""


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this one is; ``restarts`` counts those of the whole group.

    What adds, shares or gathers must be called by all of them in the same order, and raises LostRanksError when
    another process has ended, or hasn't answered in time.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    restarts: int = 0

    @property
    def leads(self) -> bool:
        """Whether this is the one that prints and writes."""
        return self.rank == 0

    @property
    def neighbors(self) -> int:
        """How many processes of the run share this host, this one among them."""
        text = os.environ.get("LOCAL_WORLD_SIZE", "") if self.count > 1 else ""
        return max(1, int(text)) if text.isdecimal() else self.count

    def slice_of(self, n: int) -> slice:
        """This process's share of ``n`` things: contiguous, as many as the others' or one more or less.

        >>> [Ranks(rank, 3).slice_of(7) for rank in range(3)]
        [slice(0, 2, None), slice(2, 4, None), slice(4, 7, None)]
        """
        return slice(self.rank * n // self.count, (self.rank + 1) * n // self.count)

    def connect(self, device: str) -> None:
        """Meet the others; tensors on ``device``, "cpu" or "cuda[:N]", can be added from here on."""
        if self.count == 1 or _store is not None:
            return
        import torch.distributed as dist

        with self._together():
            wire.choose_interface()
            store = dist.PrefixStore(f"dlcli/{self.restarts}", self._meet())  # type: ignore[attr-defined]
            dist.init_process_group(
                "cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo",
                store=store, rank=self.rank, world_size=self.count, timeout=timedelta(seconds=wire.time_out()),
            )  # fmt: skip

    def close(self) -> None:
        """Leave the others."""
        global _store
        if _store is not None:
            import torch.distributed as dist

            dist.destroy_process_group()
            _store = None

    def add_arrays(self, array: "FloatArray") -> "FloatArray":
        """The sum of the processes' arrays, which are of one shape: float64, the same bits everywhere."""
        if self.count == 1:
            return array
        import numpy as np
        import torch

        total: FloatArray = np.array(array, np.float64, order="C")
        self.add_(torch.from_numpy(total))
        return total

    def add_(self, tensor: "Tensor") -> None:
        """Put the sum of the processes' tensors, which are of one shape, into ``tensor``, which is contiguous."""
        if self.count > 1:
            import torch.distributed as dist

            with self._together():
                self._await(dist.all_reduce(tensor, async_op=True), tensor)

    def lead_(self, tensor: "Tensor") -> None:
        """Put the values that rank 0 has in ``tensor``, which is contiguous, into that of all."""
        if self.count > 1:
            import torch.distributed as dist

            with self._together():
                self._await(dist.broadcast(tensor, 0, async_op=True), tensor)

    def share(self, value: Any = None) -> Any:
        """The ``value`` that rank 0 gives: what JSON can hold, or bytes. What others give doesn't matter."""
        if self.count == 1:
            return value
        import torch

        data = _bytes_of(value) if self.leads else b""
        size = torch.tensor([len(data)])
        self.lead_(size)
        buffer = _tensor_of(data, int(size))
        self.lead_(buffer)
        return _value_of(buffer.numpy().tobytes())

    def gather(self, value: Any) -> list[Any]:
        """What each process gives, in the order of the ranks: what JSON can hold, or bytes."""
        if self.count == 1:
            return [value]
        import torch
        import torch.distributed as dist

        data = _bytes_of(value)
        sizes = torch.zeros(self.count, dtype=torch.int64)
        sizes[self.rank] = len(data)
        self.add_(sizes)
        largest = int(sizes.max())
        buffers = [torch.empty(largest, dtype=torch.uint8) for _ in range(self.count)]
        with self._together():
            self._await(dist.all_gather(buffers, _tensor_of(data, largest), async_op=True), sizes)
        return [_value_of(b.numpy()[:size].tobytes()) for b, size in zip(buffers, sizes.tolist(), strict=True)]

    def now(self) -> float:
        """The time (time.monotonic); of several processes rank 0's when they last agreed, so that all decide alike."""
        return time.monotonic() if self.count == 1 else _moment

    def agree(self, check_signal: Callable[[], None] | None = None) -> None:
        """Agree on the time.

        A signal that any process has had is one for all: raises Interrupted where ``check_signal`` does for one.
        """
        if self.count == 1:
            if check_signal is not None:
                check_signal()
            return
        import numpy as np

        global _moment
        found = np.zeros(1 + len(interrupts.SIGNALS))
        found[0] = time.monotonic() if self.leads else 0.0
        try:
            if check_signal is not None:
                check_signal()
        except Interrupted as interrupt:
            found[1 + interrupts.SIGNALS.index(signal.Signals(interrupt.signum))] = 1
        found = self.add_arrays(found)
        _moment = float(found[0])
        for signum, count in zip(interrupts.SIGNALS, found[1:], strict=True):
            if count:
                raise Interrupted(signum)

    def keep(self, name: str, value: str) -> None:
        """Remember ``value`` for ``kept`` after a restart of the group."""
        if _store is not None:
            with self._together():
                _store.set(f"dlcli/kept/{name}", value)

    def kept(self, name: str) -> str | None:
        """What was last given to ``keep`` by any process of the group, or None."""
        key = f"dlcli/kept/{name}"
        if _store is None:
            return None
        with self._together():
            return _store.get(key).decode() if _store.check([key]) else None

    def _await(self, work: "Work", tensor: "Tensor") -> None:
        """Wait for what is done to ``tensor``: over gloo in short waits, as Python looks at signals in between only."""
        if tensor.is_cuda:
            work.wait()  # no more than an order to the GPU
            return
        while True:
            try:
                work.wait(timedelta(seconds=GLANCE))
            except RuntimeError:
                if work.is_completed():
                    raise
            else:
                return
            signum, since = interrupts.waiting()
            if signum and since > GRACE:
                raise LostRanksError(
                    f"process {self.rank} of {self.count} was told to end, and the others don't answer",
                    "train-deconv goes on from its last checkpoint with --resume", ExitCode(128 + signum),
                )  # fmt: skip

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Around what all processes do; raises LostRanksError where another is missing."""
        try:
            yield
        except RuntimeError as error:  # torch has no finer one for gloo
            raise LostRanksError(
                f"process {self.rank} of {self.count} lost the others: {wire.reason(error)}",
                "see what they say; train-deconv goes on from its last checkpoint with --resume",
                ExitCode.TRAINING_FAILED,
            ) from error

    def _meet(self) -> "TCPStore":
        """The store that all processes find each other by; torchrun's, which outlives a restart, where it has one."""
        global _store
        from torch.distributed import TCPStore  # type: ignore[attr-defined]

        hosted = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
        _store = TCPStore(
            os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=self.leads and not hosted,
            wait_for_workers=False, timeout=timedelta(seconds=wire.time_out()), multi_tenant=True,
        )  # fmt: skip
        return _store


ALONE = Ranks()


def launched() -> Ranks:
    """Which process this is, from the environment that torchrun sets; a single one without it.

    Raises DlcliError for variables that say nothing of the kind.
    """
    environment = os.environ
    if "RANK" not in environment or "WORLD_SIZE" not in environment:
        return ALONE
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "TORCHELASTIC_RESTART_COUNT")
    try:
        rank, count, local_rank, restarts = (int(environment.get(name, "0")) for name in names)
    except ValueError:
        rank, count, local_rank, restarts = -1, 0, 0, 0
    if not 0 <= rank < count or (count > 1 and not environment.get("MASTER_PORT", "").isdecimal()):
        given = " ".join(f"{name}={environment.get(name, '')}" for name in ("RANK", "WORLD_SIZE", "MASTER_PORT"))
        raise DlcliError(
            f"the environment says {given}, which is no process of a group",
            "start several processes by torchrun; for a single one unset RANK and WORLD_SIZE",
        )
    return Ranks(rank, count, local_rank, restarts)


def store() -> "TCPStore | None":
    """What the connected processes keep values in."""
    return _store


def _bytes_of(value: object) -> bytes:
    return BYTES + value if isinstance(value, bytes) else JSON + json.dumps(value).encode()


def _value_of(data: bytes) -> Any:
    return data[1:] if data[:1] == BYTES else json.loads(data[1:])


def _tensor_of(data: bytes, size: int) -> "Tensor":
    """``data`` in ``size`` bytes."""
    import numpy as np
    import torch

    array = np.zeros(size, np.uint8)
    array[: len(data)] = np.frombuffer(data, np.uint8)
    return torch.from_numpy(array)
