"""Progress of a task: the console shows it, a Python caller may ignore it."""

from collections.abc import Sequence
from typing import Protocol

from dlcli.engine.loop import Step


class Result(Protocol):
    """What a task ends with: the document of report.json."""

    def to_json(self, *, ascii_only: bool = False) -> str:
        """The text of that file, without the newline at its end."""


class Progress(Protocol):
    """Receives what happens during a run."""

    def note(self, text: str) -> None:
        """A fact worth knowing."""

    def warn(self, text: str) -> None:
        """Something the user should look at."""

    def listing(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table of facts worth knowing."""

    def reached(self, text: str) -> None:
        """How far a task is, in place of what this said before; "" at the end."""

    def begin(self, title: str, steps: int | None, has_validation: bool, seconds: float | None = None) -> None:
        """Training begins; it takes so many steps, or seconds."""

    def step(self, step: Step) -> None:
        """A report."""

    def end(self) -> None:
        """Training has ended."""

    def result(self, report: Result) -> None:
        """The run is saved, but for its charts, and this is what report.json holds: a task has ended well."""


class Remembering:
    """A Progress that passes on to another one, and keeps what was warned of."""

    def __init__(self, inner: Progress) -> None:
        self.warnings: list[str] = []
        self._inner = inner
        self.note, self.listing, self.reached = inner.note, inner.listing, inner.reached
        self.begin, self.step, self.end, self.result = inner.begin, inner.step, inner.end, inner.result

    def warn(self, text: str) -> None:
        """Pass it on, and keep it."""
        self.warnings.append(text)
        self._inner.warn(text)


class Silent:
    """A Progress that shows nothing."""

    def note(self, text: str) -> None:
        """Ignore."""

    def warn(self, text: str) -> None:
        """Ignore."""

    def listing(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Ignore."""

    def reached(self, text: str) -> None:
        """Ignore."""

    def begin(self, title: str, steps: int | None, has_validation: bool, seconds: float | None = None) -> None:
        """Ignore."""

    def step(self, step: Step) -> None:
        """Ignore."""

    def end(self) -> None:
        """Ignore."""

    def result(self, report: Result) -> None:
        """Ignore."""
