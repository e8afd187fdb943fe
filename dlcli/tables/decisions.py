"""What was decided about a table that could have been read another way."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Decision:
    """Something doubtful that was decided.

    ``what`` is one line for people; ``settle`` the options that say the same expressly, as words of a shell's command
    line ("" where none can); ``column`` whose it is, or None for the file's.
    """

    what: str
    settle: str = ""
    column: str | None = None
