"""Typer options made from a config model, so that nothing is written twice."""

import inspect
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer

from dlcli.config.base import Config, field_meta, flag_of


def command_function(config: type[Config], run: Callable[[Config], None], doc: str) -> Callable[..., None]:
    """A function that Typer can wrap: a parameter for each field, all unset by default, and ``--config``.

    Unset options are left to the config file and the model's own defaults, so an explicit option beats
    ``--config``, which beats the default.
    """

    def command(**given: Any) -> None:
        run(config_of(config, given))

    names = sorted(config.model_fields, key=lambda name: _place(config, name))
    parameters = [_parameter(config, name) for name in names]
    if any(p.name == "seed" for p in parameters):
        parameters.append(_config_parameter())
    # Arguments must keep the order in which a user types them, before all options.
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    command.__doc__ = doc
    return command


def config_of(config: type[Config], given: Mapping[str, Any]) -> Config:
    """The config of what a command line gave: its options by name, and ``config_file``. Raises DlcliError."""
    options = {k: tuple(v) if isinstance(v, (list, tuple)) else v for k, v in given.items() if k != "config_file"}
    return config.build({k: v for k, v in options.items() if v not in (None, ())}, given.get("config_file"))


def _place(config: type[Config], name: str) -> int:
    """Where an option stands in the help: what is learned from what before how, and the output last."""
    meta = field_meta(config, name)
    order = (
        "Options",
        "Search",
        "Study",
        "Task",
        "Data",
        "Images",
        "Model",
        "Training",
        "Schedule",
        "Against overfitting",
        "Output",
    )
    return -1 if meta["argument"] else order.index(meta["panel"])


def choices_of(config: type[Config], name: str) -> tuple[str, ...]:
    """The words an option takes, or () if any value may do."""
    literal = _unwrapped(config.model_fields[name].annotation)
    return tuple(str(v) for v in get_args(literal)) if get_origin(literal) is Literal else ()


def _unwrapped(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, types.UnionType):
        members = [a for a in get_args(annotation) if a is not type(None)]
        return members[0] if len(members) == 1 else str
    return annotation


def _cli_type(config: type[Config], name: str) -> Any:
    annotation = _unwrapped(config.model_fields[name].annotation)
    if get_origin(annotation) is tuple:
        return list[str]
    if get_origin(annotation) is Literal:
        return annotation
    return annotation if annotation in (bool, int, float, Path) else str


def _parameter(config: type[Config], name: str) -> inspect.Parameter:
    field, meta = config.model_fields[name], field_meta(config, name)
    required = field.is_required()
    default = field.default
    text = field.description or ""
    if not required and default not in (None, ()) and not isinstance(default, bool) and "y default" not in text:
        text += f" Default: {default}."
    if meta["argument"]:
        info = typer.Argument(help=field.description, show_default=False, metavar=name.upper())
    else:
        flags = meta["flags"] or (flag_of(config, name),)
        info = typer.Option(
            *flags,
            help=text,
            show_default=False,
            metavar=meta["metavar"],
            rich_help_panel=meta["panel"],
        )
    kind: Any = _cli_type(config, name)
    annotation: Any = Annotated[kind if required else kind | None, info]  # type: ignore[valid-type, unused-ignore]
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        annotation=annotation,
        default=inspect.Parameter.empty if required else None,
    )


def _config_parameter() -> inspect.Parameter:
    info = typer.Option(
        "--config", help="Settings from a TOML file, such as a run's config.toml; explicit options beat it.",
        show_default=False, rich_help_panel="Output", metavar="FILE",
    )  # fmt: skip
    return inspect.Parameter(
        "config_file", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[Path | None, info], default=None
    )
