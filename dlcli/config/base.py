"""What every command's config shares: option metadata, TOML in and out, errors in the user's words."""

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar, Self, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from dlcli.config import paths, toml
from dlcli.config.option import field_meta, flag_of
from dlcli.errors import DlcliError
from dlcli.text import printable, printable_path


class Config(BaseModel):
    """Base of the commands' configs: frozen, unknown keys refused.

    ``command`` is whose settings they are, ``path_fields`` are those that hold paths; both for config files.
    """

    command: ClassVar[str] = ""
    path_fields: ClassVar[tuple[str, ...]] = ()

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
        """Settings of a TOML file, checked for unknown keys, with paths from the current folder. Raises DlcliError.

        Paths in a file that a command wrote, which has its name, are relative to the file's folder; so are those of
        others where they lead to something there, else they are as they stand.
        """
        values = toml.parsed(file)
        command = values.pop("command", None)
        if command not in (None, cls.command):
            raise _of_another(cls, file, command)
        for key in values:
            if key not in cls.model_fields:
                raise _unknown_setting(cls, key, file, values)
        folder = file.parent

        def found(path: str) -> str:
            return paths.read_from(folder, path) if command or paths.is_there(folder, path) else path

        return {key: cls.changed(key, cls._meant(key, toml.restored(value)), found) for key, value in values.items()}

    @classmethod
    def _meant(cls, key: str, value: object) -> object:
        """A list where one text is given and a list is wanted; a text where a number is given and a text is wanted."""
        annotation = cls.model_fields[key].annotation
        if get_origin(annotation) is tuple:
            items = value if isinstance(value, list) else cls.items_of(key, value)
            return [_text(item) for item in items]
        return _text(value) if annotation in (str, str | None) else value

    @classmethod
    def items_of(cls, key: str, value: object) -> list[object]:  # noqa: ARG003  (tune-lr's has a field that matters)
        """What one value stands for where a list of them is wanted."""
        return [value]

    def to_toml(self, folder: Path) -> str:
        """Every setting, resolved, as TOML with its help text for a file in ``folder``; ``--config`` on it repeats the
        run.
        """
        import tomli_w

        def seen(path: str) -> str:
            return paths.written_in(folder, path)

        lines = [
            f"# The settings of one run of dlcli {self.command}, which --config takes. Paths start from this folder.",
            tomli_w.dumps({"command": self.command}).rstrip(),
        ]
        for name, info in type(self).model_fields.items():
            if field_meta(type(self), name).cli_only:
                continue
            value = getattr(self, name)
            plain = list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value
            plain = toml.writable(self.changed(name, plain, seen))
            lines.append(f"# {info.description}")
            lines.append(f"# {name} =  (not set)" if plain is None else tomli_w.dumps({name: plain}).rstrip())
        return "\n".join(lines) + "\n"

    @classmethod
    def changed(cls, name: str, value: object, change: Callable[[str], str]) -> object:
        """The value of field ``name`` with ``change`` applied to the paths in it."""
        if isinstance(value, list):
            return [cls.changed(name, item, change) for item in value]
        return change(value) if name in cls.path_fields and isinstance(value, str) else value


def _text(value: object) -> object:
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _of_another(config: type[Config], file: Path, command: object) -> DlcliError:
    """The error for a file of another command than that of ``config``."""
    name = printable(str(command))
    return DlcliError(
        f"--config {printable_path(str(file))} is of dlcli {name}, not of {config.command}",
        f"give one of {config.command}, or run dlcli {name} with it",
    )


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
    if first["type"] == "extra_forbidden":  # of a Python program: files and command lines are looked at before
        close = difflib.get_close_matches(name, config.model_fields, n=1)
        return DlcliError(f"there is no option {name}", f"did you mean {close[0]}?" if close else "leave it out")
    if name not in config.model_fields:
        return DlcliError(message)
    where = flag_of(config, name)
    if file is not None and name not in given:
        where = f"{file}: {name}"
    wanted = message.replace("Input should be", "expected").replace("greater than or equal to", "at least")
    description = config.model_fields[name].description or ""
    got = first["input"]
    return DlcliError(f"{where}: got {str(got) if isinstance(got, Path) else got!r}, {wanted}", description.rstrip("."))
