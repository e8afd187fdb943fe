"""What was decided about a table that could have been read another way."""

from collections.abc import Sequence
from dataclasses import dataclass

from dlcli.errors import DlcliError


@dataclass(frozen=True)
class Decision:
    """Something doubtful that was decided.

    ``what`` is one line for people; ``settle`` the options that say the same expressly, as words of a shell's command
    line ("" where none can); ``column`` whose it is, or None for the file's.
    """

    what: str
    settle: str = ""
    column: str | None = None


def settled_by(decisions: Sequence[Decision]) -> str:
    """The options that make every decision expressly, each once, as words of a shell's command line."""
    return " ".join(dict.fromkeys(one.settle for one in decisions if one.settle))


def refuse_decisions(decisions: Sequence[Decision]) -> None:
    """Raise DlcliError that names every decision and the options that settle them, if there is any."""
    if not decisions:
        return
    every = "; ".join(dict.fromkeys(one.what for one in decisions))
    count = "1 decision" if len(decisions) == 1 else f"{len(decisions)} decisions"
    open_ones = [one for one in decisions if not one.settle]
    hint = f"add {settled_by(decisions)}" if settled_by(decisions) else "fix the file"
    if open_ones and settled_by(decisions):
        hint += ", and fix the file for the others"
    raise DlcliError(f"--strict leaves no decision to dlcli, and the table needs {count}: {every}", hint)
