"""Options that hand a training over data that stay apart on to an engine that trains between machines."""

import re
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import field_validator

from dlcli.config.base import Config
from dlcli.config.option import option

Engine = Literal["flower", "nvflare"]
ENGINES: tuple[Engine, ...] = ("flower", "nvflare")
FORM = re.compile(rf"({'|'.join(ENGINES)}):(.+)", re.DOTALL)


class ExportTo(NamedTuple):
    """The engine, and the folder that its app is written to."""

    engine: Engine
    folder: Path


class ExportOptions(Config):
    """Writing an app for an engine in place of training here."""

    export: str | None = option(
        None,
        "flower:DIR or nvflare:DIR: train nothing, and write an app for Flower or NVFlare into the folder DIR, whose "
        "clients call dlcli where their data are.",
        panel="Federation", metavar="ENGINE:DIR", cli_only=True, also="backend engine framework export_to",
    )  # fmt: skip

    @field_validator("export")
    @classmethod
    def _known_engine(cls, value: str | None) -> str | None:
        if value is not None and not FORM.fullmatch(value):
            raise ValueError("expected flower:DIR or nvflare:DIR, such as flower:app")
        return value

    @property
    def export_to(self) -> ExportTo | None:
        """The engine and the folder; None to train here."""
        found = FORM.fullmatch(self.export) if self.export else None
        return None if found is None else ExportTo("flower" if found[1] == "flower" else "nvflare", Path(found[2]))
