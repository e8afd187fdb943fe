"""What Typer refuses on a command line, as one line that says what to type instead. Loaded only when it does."""

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dlcli.cli.commands import COMMANDS, groups, load
from dlcli.cli.options import has_config_file
from dlcli.config.base import Config
from dlcli.config.option import field_meta, flags_of
from dlcli.config.suggestions import suggested_flags, suggestions
from dlcli.config.tune_lr import TRAININGS
from dlcli.errors import DlcliError

if TYPE_CHECKING:
    from typer._click.exceptions import ClickException

TUNE = "tune-lr"
# What other programs call --config, which is no field of a config.
CONFIG_FILE = ("c", "cfg", "conf", "config-file", "config_file", "config-path", "configuration", "settings")


def explained(error: "ClickException", words: Sequence[str]) -> DlcliError:
    """The error for a user who typed ``words`` after ``dlcli``."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "dlcli"
    if hasattr(error, "possibilities"):  # NoSuchOption, which Typer does not export
        return _unknown_option(_typed(str(getattr(error, "option_name", "")), words), path, words)
    message = error.format_message().replace("Value error, ", "")
    return DlcliError(message, f"see '{path} --help'")


def unknown_command(name: str) -> DlcliError:
    """The error for a command that there is not."""
    close = [c for c in COMMANDS if c.startswith(name) or name.startswith(c) or name in c.split("-")]
    close = close or difflib.get_close_matches(name, [*COMMANDS, *groups()], n=1)
    hint = f"did you mean 'dlcli {close[0]}'?" if close else f"commands: {', '.join(COMMANDS)}"
    return DlcliError(f"there is no command {name!r}", hint)


def _typed(flag: str, words: Sequence[str]) -> str:
    """The flag as it was typed: of ``-lr``, Typer names only ``-l``."""
    if flag.startswith("--"):
        return flag
    return next((w.partition("=")[0] for w in words if w.startswith(flag) and not w.startswith("--")), flag)


def _unknown_option(flag: str, path: str, words: Sequence[str]) -> DlcliError:
    """The error for a flag that command ``path`` lacks. A name known elsewhere goes before one that is only similar."""
    commands = path.split()[1:]
    if not commands:
        return _before_the_command(flag, words)
    if commands[0] in groups():
        commands = [" ".join(commands[:2]), *commands[2:]]
    own = load(commands[-1]).config
    known = suggestions(own, flag, close=False)
    # Of a trial, tune-lr takes no --out, --json...: they are its own.
    outputs = len(commands) > 1 and any(field_meta(own, one.field).cli_only for one in known)
    return (
        (None if outputs else _answer(own, flag, path, words, close=False))
        or _elsewhere(flag, commands, words)
        or _answer(own, flag, path, words, close=True)
        or DlcliError(f"no such option {flag}", f"see '{path} --help'")
    )


def _answer(
    config: type[Config], flag: str, path: str, words: Sequence[str], *, close: bool, place: str = ""
) -> DlcliError | None:
    """The error that names the option, or argument, which was meant; ``place`` says where it belongs, if not here."""
    found = suggestions(config, flag, close=close)
    if has_config_file(config) and flag.lstrip("-").lower() in CONFIG_FILE:
        return DlcliError(f"no such option {flag}; did you mean --config{place}?")
    if found and field_meta(config, found[0].field).argument:
        arguments = [name.upper() for name in config.model_fields if field_meta(config, name).argument]
        name = found[0].field.upper()
        usage = " ".join([path, *arguments[: arguments.index(name) + 1]])
        return DlcliError(f"no such option {flag}; {name} is given without one, as in '{usage}'")
    text = suggested_flags(config, found, words)
    return DlcliError(f"no such option {flag}; did you mean {text}{place}?") if text else None


def _elsewhere(flag: str, commands: Sequence[str], words: Sequence[str]) -> DlcliError | None:
    """The error for a flag of tune-lr that stands after the training's name, or for one of the training before it."""
    if commands[0] != TUNE:
        return None
    if len(commands) > 1:
        owners, place = [TUNE], f"before {commands[1]}"
    else:
        owners, place = [t for t in TRAININGS if t in words] or list(TRAININGS), ""
    for owner in owners:
        where = place or f"after {owner}"
        config = load(owner).config
        if any(flag in flags_of(config, name) for name in config.model_fields):
            return DlcliError(f"{flag} is an option of {owner}", f"put it {where}")
        if error := _answer(config, flag, f"dlcli {TUNE} {owner}", words, close=False, place=f", {where}"):
            return error
    return None


def _before_the_command(flag: str, words: Sequence[str]) -> DlcliError:
    """The error for an option that stands before the command's name, or without one."""
    for name in [c for c in COMMANDS if c in words] or COMMANDS:
        if error := _answer(load(name).config, flag, f"dlcli {name}", words, close=False, place=f", after {name}"):
            return error
    return DlcliError(f"no such option {flag}", "see 'dlcli --help'")
