"""The one error that a user sees, and the exit codes that scripts rely on."""

import signal
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process returns; part of the contract with scripts."""

    OK = 0
    DEFECT = 1
    USAGE = 2
    CHECK_FAILED = 3
    TRAINING_FAILED = 4
    INTERRUPTED = 130
    TERMINATED = 143


class DlcliError(Exception):
    """A failure that the user can fix.

    ``message`` says what was given and what was expected, ``hint`` what to do; both are printed on one line.
    """

    def __init__(self, message: str, hint: str = "", exit_code: ExitCode = ExitCode.USAGE) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        """The line that the command prints."""
        return f"{self.message.rstrip('.')}: {self.hint}" if self.hint else self.message


class DlcliWarning(UserWarning):
    """A warning that a command would give on standard error, given to a Python program."""


class DlcliNote(DlcliWarning):
    """A note that a command would give there: a fact worth knowing, such as a choice that was made."""


class Interrupted(BaseException):
    """Raised by the signal handlers of the command line; the training loop turns it into a last, saved report.

    ``left`` says what there is of the work where nothing does so, "" for nothing.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(f"signal {signum}")
        self.signum = signum
        self.left = ""

    @property
    def reason(self) -> str:
        """Why the work ended, for reports and tables."""
        return (
            "interrupted by Ctrl-C" if self.signum == signal.SIGINT else f"ended by {signal.Signals(self.signum).name}"
        )
