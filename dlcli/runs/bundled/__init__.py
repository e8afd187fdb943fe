"""The networks that come with dlcli: folders of the package that eval, predict and --init take up as runs."""

from pathlib import Path

from dlcli.config.images.options import BUNDLED
from dlcli.errors import DlcliError

ROOT = Path(__file__).resolve().parent
CARD = "card.md"
# A name that stands for several networks, of which an image's channels choose one.
BY_CHANNELS = {"denoise": {1: "denoise-gray", 3: "denoise-color"}}


def names() -> list[str]:
    """The networks in the box, by name."""
    return sorted(folder.name for folder in ROOT.iterdir() if (folder / CARD).is_file())


def is_bundled(run: Path) -> bool:
    """Whether a run is given as ``bundled:NAME``."""
    return str(run).startswith(BUNDLED)


def folders(run: Path) -> list[Path]:
    """The folders of ``bundled:NAME``: several for a name that stands for several.

    Raises DlcliError for a name that isn't in the box.
    """
    name, known = str(run).removeprefix(BUNDLED), names()
    meant = list(BY_CHANNELS[name].values()) if name in BY_CHANNELS else [name]
    if not set(meant) <= set(known):
        shown = ", ".join(BUNDLED + one for one in (*BY_CHANNELS, *known))
        raise DlcliError(f"there is no {run} in this version of dlcli", f"give one of {shown}")
    return [ROOT / one for one in meant]


def bundled_folder(run: Path, channels: int | None = None) -> Path:
    """The folder of ``bundled:NAME``; of a name that stands for several that for images of so many ``channels``.

    Raises DlcliError for a name that isn't in the box.
    """
    found = folders(run)
    by_channels = BY_CHANNELS.get(str(run).removeprefix(BUNDLED), {})
    return ROOT / by_channels.get(channels or 1, by_channels[1]) if by_channels else found[0]
