"""Typer options made from a config model, so that nothing is written twice."""

import inspect
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from dlcli.config.base import Config
from dlcli.config.option import field_meta, flags_of

ConfigT = TypeVar("ConfigT", bound=Config)


# Panels of --help, in the order in which they are read: what is learned, from what, how; the output last.
PANELS = (
    "Options", "Search", "Study", "Task", "Data", "Images", "Model", "Training", "Schedule", "Regularization",
    "Inference", "Federation", "Output",
)  # fmt: skip


def command_function(config: type[ConfigT], run: Callable[[ConfigT], None], doc: str) -> Callable[..., None]:
    """A function that Typer can wrap: a parameter for each field, all unset by default, and ``--config``.

    Unset options are left to the config file and the model's own defaults, so an explicit option beats
    ``--config``, which beats the default.
    """

    def command(**given: object) -> None:
        run(config_of(config, given))

    names = sorted(config.model_fields, key=lambda name: _place(config, name))
    parameters = [_parameter(config, name) for name in names]
    if has_config_file(config):
        parameters.append(_config_parameter())
    # Arguments must keep the order in which a user types them, before all options.
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    command.__doc__ = doc
    return command


def config_of(config: type[ConfigT], given: Mapping[str, object]) -> ConfigT:
    """The config of what a command line gave: its options by name, and ``config_file``. Raises DlcliError."""
    file = given.get("config_file")
    options = {k: tuple(v) if isinstance(v, (list, tuple)) else v for k, v in given.items() if k != "config_file"}
    return config.build(
        {k: v for k, v in options.items() if v not in (None, ())}, file if isinstance(file, Path) else None
    )


def has_config_file(config: type[Config]) -> bool:
    """Whether the command takes ``--config``: those that leave a run directory do."""
    return "seed" in config.model_fields


def _place(config: type[Config], name: str) -> int:
    meta = field_meta(config, name)
    return -1 if meta.argument else PANELS.index(meta.panel)


def _unwrapped(annotation: object) -> object:
    if get_origin(annotation) in (Union, types.UnionType):
        members = [a for a in get_args(annotation) if a is not type(None)]
        return members[0] if len(members) == 1 else str
    return annotation


def _cli_type(config: type[Config], name: str) -> object:
    annotation = _unwrapped(config.model_fields[name].annotation)
    if get_origin(annotation) is tuple:
        return list[str]
    if get_origin(annotation) is Literal:
        return annotation
    return annotation if annotation in (bool, int, float, Path) else str


def _parameter(config: type[Config], name: str) -> inspect.Parameter:
    field, meta = config.model_fields[name], field_meta(config, name)
    required = field.is_required()
    if meta.argument:
        info = typer.Argument(help=field.description, show_default=False, metavar=name.upper())
    else:
        info = typer.Option(
            *(meta.flags or flags_of(config, name)),
            help=_help(field),
            show_default=False,
            metavar=meta.metavar,
            rich_help_panel=meta.panel,
        )
    kind: Any = _cli_type(config, name)
    annotation: Any = Annotated[kind if required else kind | None, info]  # type: ignore[valid-type, unused-ignore]
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        annotation=annotation,
        default=inspect.Parameter.empty if required else None,
    )


def _help(field: FieldInfo) -> str:
    """The help text, with the default where the text doesn't name it."""
    text, default = field.description or "", field.default
    if default is None or default == () or isinstance(default, bool) or "y default" in text:
        return text
    return f"{text} Default: {default}."


def _config_parameter() -> inspect.Parameter:
    info = typer.Option(
        "--config", help="Settings from a TOML file, such as a run's config.toml; explicit options beat it.",
        show_default=False, rich_help_panel="Output", metavar="FILE",
    )  # fmt: skip
    return inspect.Parameter(
        "config_file", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[Path | None, info], default=None
    )
