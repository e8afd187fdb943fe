"""One option: its default, help text, bounds and names, in the one place that all else reads."""

from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict, Unpack, cast

from pydantic import BaseModel, Field, JsonValue


class Details(TypedDict, total=False):
    """What else ``option`` takes: fields of ``OptionMeta``, and pydantic's bounds."""

    flags: tuple[str, ...]
    metavar: str
    complete: Literal["", "file", "dir"]
    argument: bool
    cli_only: bool
    also: str
    also_as: dict[str, str | bool]
    needs: tuple[str, str | float]
    gt: float
    ge: float
    lt: float
    le: float


@dataclass(frozen=True)
class OptionMeta:
    """How an option is shown on the command line and in config files.

    ``flags`` replaces the flag made from the field's name, ``complete`` is what shell completion offers, ``argument``
    makes the option positional, and ``cli_only`` keeps it out of config files.

    ``also`` lists, separated by spaces, names that other programs give to the option; ``also_as`` those that stand for
    one of its values. Neither is accepted: they are answered with "did you mean", see ``dlcli.config.suggestions``.
    ``needs`` is a field without which the option is refused, with a value that will do.
    """

    panel: str
    flags: tuple[str, ...] = ()
    metavar: str | None = None
    complete: Literal["", "file", "dir"] = ""
    argument: bool = False
    cli_only: bool = False
    also: str = ""
    also_as: dict[str, str | bool] = field(default_factory=dict)
    needs: tuple[str, str | float] | None = None


BOUNDS = ("gt", "ge", "lt", "le")


def option(default: Any, help: str, panel: str = "Options", **details: Unpack[Details]) -> Any:
    """Declare one option: its default, help text and bounds, in the one place that all else reads."""
    bounds = {key: value for key, value in details.items() if key in BOUNDS}
    meta = {key: value for key, value in details.items() if key not in BOUNDS}
    extra = cast(dict[str, JsonValue], {"panel": panel, **meta})
    return Field(default, description=help, json_schema_extra=extra, **cast(dict[str, Any], bounds))


def field_meta(config: type[BaseModel], name: str) -> OptionMeta:
    """Option metadata of a field, as given to ``option``."""
    return OptionMeta(**cast(dict[str, Any], config.model_fields[name].json_schema_extra))


def flags_of(config: type[BaseModel], name: str) -> tuple[str, ...]:
    """The flags of a field: the one that sets it first, that which turns it off, if any, last; () for an argument."""
    meta = field_meta(config, name)
    if meta.argument:
        return ()
    return tuple(part for flag in meta.flags or ("--" + name.replace("_", "-"),) for part in flag.split("/"))


def flag_of(config: type[BaseModel], name: str) -> str:
    """The flag (or argument) of a field as a user types it."""
    flags = flags_of(config, name)
    return flags[0] if flags else name.upper()
