"""What a command tells on standard error, for a Python program."""

import warnings

from dlcli.engine.progress import Silent
from dlcli.errors import DlcliNote, DlcliWarning


class Told(Silent):
    """Keeps notes and warnings, to be given by Python's ``warnings`` when the work is done."""

    def __init__(self) -> None:
        self._told: list[tuple[str, type[DlcliWarning]]] = []

    def note(self, text: str) -> None:
        """Keep it."""
        self._told.append((text, DlcliNote))

    def warn(self, text: str) -> None:
        """Keep it."""
        self._told.append((text, DlcliWarning))

    def tell(self, level: int, least: type[DlcliWarning] = DlcliNote) -> None:
        """Warn of what was kept as if from ``level`` callers above (1: the caller); ``least`` leaves out notes."""
        for text, kind in self._told:
            if not (kind is DlcliNote and least is DlcliWarning):
                warnings.warn(text, kind, stacklevel=level + 1)
        self._told = []
