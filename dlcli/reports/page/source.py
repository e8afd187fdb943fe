"""What a page is made of: each run as it was found, and tables and texts to show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dlcli.files import JsonObject


@dataclass(frozen=True)
class Picture:
    """A PNG file of plots/, by its name without the ending."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Source:
    """A run: its documents, any of which may be {} or empty where it is missing.

    ``settings`` are those of config.toml with the defaults of those that aren't set; ``defaults`` of all; ``compared``
    the settings with paths that don't depend on how they are written. ``metrics`` are ``flat``.
    """

    name: str
    command: str
    status: str
    reason: str
    report: JsonObject
    settings: Mapping[str, object]
    defaults: Mapping[str, object]
    compared: Mapping[str, object]
    metrics: Mapping[str, float | None]
    records: Sequence[JsonObject] = ()
    pictures: Sequence[Picture] = ()
    data: Sequence[str] = ()


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its text, the number by which it is sorted (None: by its text), and whether it is the best."""

    text: str
    number: float | None = None
    best: bool = False


@dataclass(frozen=True)
class Table:
    """A table; the first cell of each row names it."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    sortable: bool = True


@dataclass(frozen=True)
class Fact:
    """A name and what it is."""

    name: str
    text: str


@dataclass(frozen=True)
class Slider:
    """Pictures of one size to slide between, as data URLs, and what else there is of the same place."""

    caption: str
    before: str
    after: str
    names: tuple[str, str]
    others: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Shown:
    """A picture as it is, as a data URL."""

    name: str
    url: str


@dataclass(frozen=True)
class Chart:
    """A chart as SVG, its lines by name, in the order of their colors."""

    title: str
    svg: str
    lines: Sequence[str]


@dataclass(frozen=True)
class RunView:
    """All that is shown of one run."""

    name: str
    status: str
    facts: Sequence[Fact] = ()
    data: Sequence[Fact] = ()
    warnings: Sequence[str] = ()
    tables: Sequence[Table] = ()
    settings: Table | None = None
    every_setting: Table | None = None
    charts: Sequence[Chart] = ()
    sliders: Sequence[Slider] = ()
    pictures: Sequence[Shown] = ()
    left_out: Sequence[str] = ()


@dataclass(frozen=True)
class Page:
    """The page: one run, or several beside each other."""

    title: str
    made: str
    runs: Sequence[RunView]
    notes: Sequence[str] = ()
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = field(default_factory=tuple)
