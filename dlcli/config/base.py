"""What every command's config shares: option metadata, TOML in and out, errors in the user's words."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from dlcli.config.option import field_meta, flag_of
from dlcli.errors import DlcliError


class Config(BaseModel):
    """Base of the commands' configs: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def build(cls, given: Mapping[str, object], file: Path | None = None) -> Self:
        """Config from options: those ``given`` beat those of the TOML ``file``, which beat the defaults.

        Raises DlcliError for an unreadable file, an unknown key or a value out of bounds.
        """
        values = {**(cls.read_toml(file) if file else {}), **given}
        try:
            return cls(**values)
        except ValidationError as error:
            raise _explained(cls, error, file, given) from None

    def given(self) -> dict[str, object]:
        """The options that were given, on the command line or in a file; the others have their defaults."""
        return {name: getattr(self, name) for name in self.model_fields_set}

    def with_options(self, options: Mapping[str, object]) -> Self:
        """This config with other ``options``, checked as those of a command line are. Raises DlcliError."""
        return self.build({**self.given(), **options})

    @classmethod
    def read_toml(cls, file: Path) -> dict[str, object]:
        """Settings of a TOML file, checked for unknown keys. Raises DlcliError."""
        try:
            with file.open("rb") as stream:
                values = tomllib.load(stream)
        except OSError as error:
            raise DlcliError(f"--config {file}: {error.strerror or error}", "give a readable TOML file") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise DlcliError(f"--config {file} is not valid TOML: {error}", "fix the file") from None
        for key in values:
            if key not in cls.model_fields:
                raise _unknown_setting(cls, key, file, values)
        return {key: _of_toml(value) for key, value in values.items()}

    def to_toml(self) -> str:
        """Every setting, resolved, as TOML with its help text; ``--config`` on it repeats the run."""
        import tomli_w

        lines = []
        for name, info in type(self).model_fields.items():
            if field_meta(type(self), name).cli_only:
                continue
            value = getattr(self, name)
            plain = list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value
            plain = _for_toml(plain)
            lines.append(f"# {info.description}")
            lines.append(f"# {name} =  (not set)" if plain is None else tomli_w.dumps({name: plain}).rstrip())
        return "\n".join(lines) + "\n"


def _for_toml(value: object) -> object:
    """TOML is valid Unicode: bytes of a file name that are not UTF-8 are written as text such as ``\\udce9``."""
    if isinstance(value, list):
        return [_for_toml(item) for item in value]
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def _of_toml(value: object) -> object:
    """What ``_for_toml`` was given."""
    if isinstance(value, list):
        return [_of_toml(item) for item in value]
    return re.sub(r"\\u(dc[89a-f][0-9a-f])", lambda m: chr(int(m[1], 16)), value) if isinstance(value, str) else value


def _unknown_setting(config: type[Config], key: str, file: Path, values: Mapping[str, object]) -> DlcliError:
    from dlcli.config.suggestions import suggested_settings, suggestions

    if text := suggested_settings(config, suggestions(config, key), values):
        return DlcliError(f"--config {file}: no such setting {key}; did you mean {text}?")
    return DlcliError(f"--config {file}: no such setting {key}", "remove it")


def _explained(
    config: type[Config], error: ValidationError, file: Path | None, given: Mapping[str, object]
) -> DlcliError:
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    message = first["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if name not in config.model_fields:
        return DlcliError(message)
    where = flag_of(config, name)
    if file is not None and name not in given:
        where = f"{file}: {name}"
    wanted = message.replace("Input should be", "expected").replace("greater than or equal to", "at least")
    description = config.model_fields[name].description or ""
    return DlcliError(f"{where}: got {first['input']!r}, {wanted}", description.rstrip("."))
