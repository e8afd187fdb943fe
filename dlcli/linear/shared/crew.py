"""Several processes at one fit: process 0 runs it, and asks all of them for sums over their rows.

So whatever is decided on the way, by the clock or by the last bit of a number, is decided once.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from dlcli.engine.arrays import AnyArray, FloatArray
from dlcli.engine.interrupts import deferred_signals
from dlcli.engine.ranks import Ranks
from dlcli.engine.wire import time_out
from dlcli.errors import DlcliError, ExitCode, Interrupted

BEATS = 5  # of them fit into the time that a process waits for another


class Answers(Protocol):
    """A process's share of the rows."""

    def answer(self, asked: str, arrays: dict[str, AnyArray], meta: dict[str, Any]) -> FloatArray | bytes:
        """An array that is to be added up, or bytes that are to be gathered."""


class Asks(Protocol):
    """Who asks all that have rows."""

    def total(self, asked: str, arrays: dict[str, AnyArray] | None = None, **meta: Any) -> FloatArray:
        """The sum of what all answer, of the answer's own shape."""

    def every(self, asked: str, arrays: dict[str, AnyArray], **meta: Any) -> list[bytes]:
        """What each answers."""


class Crew:
    """All processes, as process 0 sees them once all have read; ``share`` is its own share of the rows."""

    def __init__(self, ranks: Ranks) -> None:
        self.ranks = ranks
        self.share: Answers | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._waits = self._midway = False

    def begin(self, share: Answers | None) -> None:
        """From now on the others wait for what they are asked."""
        self.share, self._waits = share, True
        threading.Thread(target=self._beat, name="dlcli-beat", daemon=True).start()

    def total(self, asked: str, arrays: dict[str, AnyArray] | None = None, **meta: Any) -> FloatArray:
        """The sum of what all answer, of the answer's own shape."""
        with self._asked(asked, arrays or {}, meta) as answer:
            return self.ranks.add_arrays(answer)

    def every(self, asked: str, arrays: dict[str, AnyArray], **meta: Any) -> list[bytes]:
        """What each answers."""
        with self._asked(asked, arrays, meta) as answer:
            found: list[bytes] = self.ranks.gather(answer)
            return found

    @contextmanager
    def _asked(self, asked: str, arrays: dict[str, AnyArray], meta: dict[str, Any]) -> Iterator[Any]:
        assert self.share is not None
        with self._lock:
            self._midway = True
            self.ranks.share(packed(asked, arrays, meta))
            yield self.share.answer(asked, arrays, meta)
            self._midway = False

    def end(self, **meta: Any) -> None:
        """Let the others go, with a ``report``, an ``error`` or the number of a signal, ``signum``."""
        self._ended.set()
        with self._lock:
            if self._waits and not self._midway:  # else they wait for an answer, and find that this process is gone
                self.ranks.share(packed("end", {}, meta))
            self._waits = False

    def _beat(self) -> None:
        """Have the others wait on, however long nothing is asked."""
        while not self._ended.wait(time_out() / BEATS):
            with self._lock:
                if self._waits and not self._midway:
                    self.ranks.share(packed("beat", {}, {}))


@contextmanager
def leading(ranks: Ranks) -> Iterator[Crew]:
    """Process 0's part: the others end as it does."""
    crew = Crew(ranks)
    try:
        yield crew
    except DlcliError as error:
        crew.end(error=[error.message, error.hint, int(error.exit_code)])
        raise
    except Interrupted as interrupt:
        crew.end(signum=interrupt.signum)
        raise


def serve(ranks: Ranks, share: Answers | None) -> dict[str, Any]:
    """The others' part: answer until process 0 ends; its report. Raises what it raised."""
    with deferred_signals():
        while True:
            asked, arrays, meta = unpacked(ranks.share())
            if asked == "end":
                return _ended(meta)
            if asked == "beat":
                continue
            assert share is not None
            answer = share.answer(asked, arrays, meta)
            if isinstance(answer, bytes):
                ranks.gather(answer)
            else:
                ranks.add_arrays(answer)


def _ended(meta: dict[str, Any]) -> dict[str, Any]:
    if "error" in meta:
        message, hint, code = meta["error"]
        raise DlcliError(message, hint, ExitCode(code))
    if "signum" in meta:
        raise Interrupted(meta["signum"])
    report: dict[str, Any] = meta["report"]
    return report


def packed(asked: str, arrays: dict[str, AnyArray], meta: dict[str, Any]) -> bytes:
    """A message: a line of JSON, and the bytes of the arrays."""
    shapes = {name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()}
    head = json.dumps([asked, shapes, meta]).encode()
    return b"\n".join([head, b"".join(array.tobytes() for array in arrays.values())])


def unpacked(data: bytes) -> tuple[str, dict[str, AnyArray], dict[str, Any]]:
    """What was ``packed``."""
    end = data.index(b"\n")
    asked, shapes, meta = json.loads(data[:end])
    arrays, start = {}, end + 1
    for name, (dtype, shape) in shapes.items():
        count = int(np.prod(shape))
        array = np.frombuffer(data, np.dtype(dtype), count, start).reshape(shape)
        arrays[name], start = array, start + array.nbytes
    return asked, arrays, meta
