"""The commit of git that the current folder is at, and whether files of it were changed since.

The commit is read from .git itself; whether there are changes git says, started beside the work. Nothing here fails.
"""

import contextlib
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 1.0  # seconds that git is waited for, when the work is done
# Without the hook that a repository's own settings may name, and without a lock that is in the user's way.
STATUS = ("git", "-c", "core.fsmonitor=false", "status", "--porcelain", "--untracked-files=no", "--ignore-submodules")
HEX = frozenset("0123456789abcdef")


@dataclass
class Revision:
    """The ``commit`` as it was when this was made; ``dirty`` once git has answered, None where it can't."""

    commit: str
    _asked: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)
    _dirty: bool | None = None

    @property
    def dirty(self) -> bool | None:
        """Whether files that git knows had changes; None where git doesn't say."""
        asked, self._asked = self._asked, None
        if asked is not None:
            try:
                said, _ = asked.communicate(timeout=PATIENCE)
                self._dirty = bool(said.strip()) if asked.returncode == 0 else None
            except (OSError, ValueError, subprocess.SubprocessError):
                _end(asked)
        return self._dirty

    def __del__(self) -> None:
        if self._asked is not None:
            _end(self._asked)


def _end(asked: "subprocess.Popen[bytes]") -> None:
    """Have git end, so that it is no burden to anyone."""
    with contextlib.suppress(OSError, ValueError):
        asked.kill()
        asked.communicate()


_seen: dict[str, Revision | None] = {}  # by the folder; what a command began with is what it reports


def look(folder: Path | None = None) -> Revision | None:
    """The revision that a command begins with, in the current folder; None outside of a repository."""
    place = folder or Path.cwd()
    commit = commit_of(place)
    _seen[str(place)] = found = None if commit is None else Revision(commit, _ask(place))
    return found


def revision() -> Revision | None:
    """What ``look`` found here before, else what there is now."""
    with contextlib.suppress(OSError):
        here = Path.cwd()
        return _seen[str(here)] if str(here) in _seen else look(here)
    return None


def commit_of(folder: Path) -> str | None:
    """The commit that is checked out in the repository that ``folder`` is in; None where there is none."""
    try:
        for place in (folder, *folder.parents):
            if (place / ".git").exists():
                return _head(_git_folder(place / ".git"))
    except (OSError, UnicodeDecodeError):
        return None
    return None


def _git_folder(path: Path) -> Path:
    """Where a repository is: .git itself, or what it names, as of a worktree or a submodule."""
    if path.is_dir():
        return path
    named = path.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
    return path.parent / named


def _head(git: Path) -> str | None:
    """The commit of HEAD: its own, or that of the branch, which a loose file or packed-refs has."""
    head = (git / "HEAD").read_text(encoding="utf-8").strip()
    if not head.startswith("ref:"):
        return head if _is_commit(head) else None
    branch = head.removeprefix("ref:").strip()
    common = git / (git / "commondir").read_text(encoding="utf-8").strip() if (git / "commondir").is_file() else git
    for place in (git, common):
        if (place / branch).is_file():
            found = (place / branch).read_text(encoding="utf-8").strip()
            return found if _is_commit(found) else None
    if (common / "packed-refs").is_file():
        for line in (common / "packed-refs").read_text(encoding="utf-8").splitlines():
            commit, _, name = line.partition(" ")
            if name == branch and _is_commit(commit):
                return commit
    return None


def _is_commit(text: str) -> bool:
    return len(text) in (40, 64) and set(text) <= HEX


def _ask(folder: Path) -> "subprocess.Popen[bytes] | None":
    """Ask git whether there are changes, without waiting for it."""
    settings = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        return subprocess.Popen(
            STATUS, cwd=folder, env=settings, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    except (OSError, ValueError):
        return None
