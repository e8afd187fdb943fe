"""What every command's config shares: option metadata, TOML in and out, errors in the user's words."""

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dlcli.errors import DlcliError


def option(
    default: Any,
    help: str,
    *,
    panel: str = "Options",
    flags: tuple[str, ...] = (),
    metavar: str | None = None,
    complete: str = "",
    argument: bool = False,
    cli_only: bool = False,
    **bounds: Any,
) -> Any:
    """Declare one option: its default, help text and bounds, in the one place that all else reads.

    ``flags`` replaces the flag made from the field's name; ``complete`` is "file" or "dir" for shell completion;
    ``argument`` makes it positional; ``cli_only`` keeps it out of config files.
    """
    extra: dict[str, Any] = {
        "panel": panel,
        "flags": flags,
        "metavar": metavar,
        "complete": complete,
        "argument": argument,
        "cli_only": cli_only,
    }
    return Field(default, description=help, json_schema_extra=extra, **bounds)


class Config(BaseModel):
    """Base of the commands' configs: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def build(cls, given: Mapping[str, Any], file: Path | None = None) -> Self:
        """Config from options: those ``given`` beat those of the TOML ``file``, which beat the defaults.

        Raises DlcliError for an unreadable file, an unknown key or a value out of bounds.
        """
        values = {**(cls.read_toml(file) if file else {}), **given}
        try:
            return cls(**values)
        except ValidationError as error:
            raise _explained(cls, error, file, given) from None

    @classmethod
    def read_toml(cls, file: Path) -> dict[str, Any]:
        """Settings of a TOML file, checked for unknown keys. Raises DlcliError."""
        try:
            with file.open("rb") as stream:
                values = tomllib.load(stream)
        except OSError as error:
            raise DlcliError(f"--config {file}: {error.strerror or error}", "give a readable TOML file") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise DlcliError(f"--config {file} is not valid TOML: {error}", "mend the file") from None
        for key in values:
            if key not in cls.model_fields:
                close = difflib.get_close_matches(key, cls.model_fields, n=1)
                hint = f"did you mean {close[0]!r}?" if close else "remove it"
                raise DlcliError(f"--config {file}: there is no setting {key!r}", hint)
        return {key: _of_toml(value) for key, value in values.items()}

    def to_toml(self) -> str:
        """Every setting, resolved, as TOML with its help text; ``--config`` on it repeats the run."""
        import tomli_w

        lines = []
        for name, field in type(self).model_fields.items():
            if field_meta(type(self), name)["cli_only"]:
                continue
            value = getattr(self, name)
            plain = list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value
            plain = _for_toml(plain)
            lines.append(f"# {field.description}")
            lines.append(f"# {name} =  (not set)" if plain is None else tomli_w.dumps({name: plain}).rstrip())
        return "\n".join(lines) + "\n"


def _for_toml(value: Any) -> Any:
    """TOML is valid Unicode: bytes of a file name that are not UTF-8 are written as text such as ``\\udce9``."""
    if isinstance(value, list):
        return [_for_toml(item) for item in value]
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def _of_toml(value: Any) -> Any:
    """What ``_for_toml`` was given."""
    if isinstance(value, list):
        return [_of_toml(item) for item in value]
    return re.sub(r"\\u(dc[89a-f][0-9a-f])", lambda m: chr(int(m[1], 16)), value) if isinstance(value, str) else value


def field_meta(config: type[Config], name: str) -> dict[str, Any]:
    """Option metadata of a field, as given to ``option``."""
    extra = config.model_fields[name].json_schema_extra
    return dict(extra) if isinstance(extra, dict) else {}


def flag_of(config: type[Config], name: str) -> str:
    """The flag (or argument) of a field as a user types it."""
    meta = field_meta(config, name)
    if meta["argument"]:
        return name.upper()
    flags = meta["flags"]
    return str(flags[0]).split("/")[0] if flags else "--" + name.replace("_", "-")


def _explained(config: type[Config], error: ValidationError, file: Path | None, given: Mapping[str, Any]) -> DlcliError:
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
