"""Who the clients are: which files each of them has."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from dlcli.errors import DlcliError
from dlcli.text import printable_path

EACH = "each"  # of --clients: every DATA is a client's


@dataclass(frozen=True)
class ClientFiles:
    """A client's name, and what it has: files, or patterns that files match."""

    name: str
    files: tuple[str, ...]


def clients_of(data: Sequence[str]) -> list[ClientFiles]:
    """The clients of data of which each is one's; a folder stands for the files in it. Raises DlcliError."""
    names = [os.path.basename(os.path.normpath(one)) for one in data]
    unique = len(set(names)) == len(names)
    return [ClientFiles(name if unique else one, _files(one)) for name, one in zip(names, data, strict=True)]


def inside(folder: str) -> list[str]:
    """What is in a folder, sorted, but for what is hidden: a client each. Raises DlcliError where that is nothing."""
    try:
        found = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError as error:
        raise DlcliError(f"--clients {printable_path(folder)}: {error.strerror}", "name a folder of files") from None
    if not found:
        raise DlcliError(f"--clients {printable_path(folder)}: the folder is empty", "give one with a file for each")
    return [os.path.join(folder, name) for name in found]


def _files(one: str) -> tuple[str, ...]:
    if not os.path.isdir(one):
        return (one,)
    found = tuple(name for name in inside(one) if os.path.isfile(name))
    if not found:
        raise DlcliError(f"client {printable_path(one)} has no files", "give folders with files, or leave it out")
    return found
