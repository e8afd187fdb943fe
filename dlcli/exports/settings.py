"""What an export is asked for, and what comes of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dlcli.config.saved.export import ExportConfig
from dlcli.exports.graph import Port


@dataclass(frozen=True)
class Description:
    """What people are told of a model."""

    name: str
    authors: tuple[str, ...] = ()
    license: str | None = None
    cite: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExportSettings:
    """The run, the format, and what people are told."""

    run: Path
    format: str
    about: Description

    @classmethod
    def of(cls, config: ExportConfig) -> "ExportSettings":
        """Those of the command."""
        return cls(
            config.run, config.format, Description(config.name or "", config.author, config.license, config.cite)
        )


@dataclass(frozen=True)
class Exported:
    """The content of the file, how it is called, and how it compares with dlcli."""

    content: bytes
    task: str
    inputs: Sequence[Port]
    outputs: Sequence[Port]
    difference: float
    compared: str
    notes: list[str] = field(default_factory=list)
