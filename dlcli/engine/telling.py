"""Which of the processes of one run tells of an error."""

import os
import threading
import zlib
from datetime import timedelta

from dlcli.engine.ranks import Ranks, launched, store
from dlcli.errors import DlcliError

REACH = 5.0  # seconds to reach the store that torchrun has, when there is an error to tell


def may_tell(text: str, *, follows: bool = False) -> bool:
    """Whether this is the process to tell of an error, in words ``text``: the first of those that have the same.

    What only ``follows`` from the failure of another is told where no process told of anything. One that can't
    reach the others tells.
    """
    try:
        ranks = launched()
    except DlcliError:  # it is the error to tell
        return True
    if ranks.count == 1:
        return True
    answer: list[bool] = []
    claim = threading.Thread(target=lambda: answer.append(_claim(ranks, text, follows)), daemon=True)
    claim.start()
    claim.join(REACH)  # over a cut wire an answer never comes
    return answer[0] if answer else True


def _claim(ranks: Ranks, text: str, follows: bool) -> bool:
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    try:
        reached = store() or TCPStore(
            os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False,
            wait_for_workers=False, timeout=timedelta(seconds=REACH),
        )  # fmt: skip
        told = f"dlcli/told/{ranks.restarts}"
        first = reached.add(told, 1) == 1
        return bool(first if follows else reached.add(f"{told}/{zlib.crc32(text.encode())}", 1) == 1)
    except RuntimeError:
        return True
