"""The Typer application. Commands are loaded only when they run, so that --help is quick."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, cast

import typer
from typer.core import TyperCommand, TyperGroup

from dlcli import __version__
from dlcli.cli.commands import COMMANDS, groups, load
from dlcli.engine.ranks import LostRanksError
from dlcli.engine.telling import may_tell
from dlcli.errors import DlcliError, ExitCode, Interrupted
from dlcli.text import one_line

if TYPE_CHECKING:
    from typer._click import Command as ClickCommand
    from typer._click import Context, HelpFormatter
    from typer._click.exceptions import ClickException

    from dlcli.config.fit_linear import FitLinearConfig
    from dlcli.config.train_deconv import TrainDeconvConfig

    TrainingConfig = FitLinearConfig | TrainDeconvConfig
else:
    # Typer carries its own copy of Click, and shows of its errors only BadParameter: this is the base of them all.
    ClickException = typer.BadParameter.__mro__[2]


WIDE = 80  # columns from which on the help of a command is a table


class LazyGroup(TyperGroup):
    """A group whose commands' modules are imported on use; --help needs their names and summaries only."""

    listing = False  # whether the group's own help is being made

    def list_commands(self, _ctx: "Context") -> list[str]:
        """Names of the commands, in the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, _ctx: "Context", cmd_name: str) -> "ClickCommand | None":
        """The command: a light stand-in while the group's own help is made, else the real one."""
        if cmd_name not in COMMANDS:
            return None
        if self.listing:
            return TyperCommand(cmd_name, help=COMMANDS[cmd_name][1])
        return click_command(cmd_name)

    def format_help(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Print the group's help from names and summaries, without importing a command."""
        self.listing = True
        super().format_help(ctx, formatter)

    def resolve_command(self, ctx: "Context", args: list[str]) -> "tuple[str | None, ClickCommand | None, list[str]]":
        """Find the command. Raises DlcliError, with a close match named, when there is none."""
        if args and args[0] in groups():
            return self._in_group(ctx, args)
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from dlcli.cli.usage import unknown_command

            raise unknown_command(args[0])
        return super().resolve_command(ctx, args)

    def _in_group(self, ctx: "Context", args: list[str]) -> "tuple[str | None, ClickCommand | None, list[str]]":
        """Find the command of a group, or the group's help. Raises DlcliError where the next word is none of them."""
        name, known = args[0], groups()[args[0]]
        if args[1:2] and args[1] in known:
            return super().resolve_command(ctx, [f"{name} {args[1]}", *args[2:]])
        listed = "\n\n".join(f"`dlcli {name} {word}` – {summary}" for word, summary in known.items())
        if args[1:2] and args[1] in ("-h", "--help"):
            shown = TyperCommand(name, help=listed, rich_markup_mode="markdown", add_help_option=True)
            return name, shown, ["--help"]
        given = f", got {args[1]!r}" if args[1:] else ""
        each = " or ".join(f"dlcli {name} {word}" for word in known)
        raise DlcliError(f"dlcli {name}: expected what to train{given}", f"use {each}")


def click_command(name: str) -> "ClickCommand":
    """Import a command's module and return its Click command."""
    from dlcli.cli.options import command_function

    # Rich's columns cut the names of options where they have no room; without it, Click's help has one column.
    wide = shutil.get_terminal_size().columns >= WIDE
    sub = typer.Typer(
        add_completion=False, rich_markup_mode="markdown" if wide else None, pretty_exceptions_enable=False
    )
    loaded = load(name)
    settings = {"help_option_names": ["-h", "--help"], "allow_interspersed_args": loaded.interspersed}
    sub.command(name, context_settings=settings)(command_function(loaded.config, loaded.run, loaded.doc))
    command = typer.main.get_command(sub)
    command.name = name
    return command


def parse_config(name: str, words: Sequence[str], more: Mapping[str, object] | None = None) -> "TrainingConfig":
    """The config that training command ``name`` would run with, given its own ``words`` and ``more``; nothing runs."""
    from dlcli.cli.options import config_of

    context = click_command(name).make_context(f"dlcli tune-lr {name}", list(words))
    return cast("TrainingConfig", config_of(load(name).config, {**context.params, **(more or {})}))


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"dlcli {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Train models by gradient descent. Each run leaves a model, its metrics and charts in one folder."""


def run(args: list[str] | None = None) -> int:
    """Run the command line and return the exit code; every user error becomes one line on stderr."""
    words = sys.argv[1:] if args is None else args
    try:
        result = app(words, standalone_mode=False, prog_name="dlcli")
        return int(result) if isinstance(result, int) else int(ExitCode.OK)
    except BaseException as error:  # a panic of Rust code is no Exception
        return _failed(error, words)


def _failed(error: BaseException, words: list[str]) -> int:
    """Say in one line what went wrong; returns the exit code."""
    if isinstance(error, ClickException):
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
            return int(ExitCode.OK)
        from dlcli.cli.usage import explained

        error = explained(error, words)
    if isinstance(error, MemoryError):
        table = "use fewer columns, or --optimizer gd with --loss mse"
        error = DlcliError(
            "not enough memory", table if words[:1] == ["fit-linear"] else "end other programs, or give less data"
        )
    if isinstance(error, DlcliError):
        fail(error)
        return int(error.exit_code)
    if isinstance(error, (Interrupted, KeyboardInterrupt, typer.Abort)):
        left = error.left if isinstance(error, Interrupted) else ""
        text = (
            f"dlcli: interrupted: {one_line(left)}" if left else "dlcli: interrupted before there was anything to save"
        )
        if may_tell(text, follows=True):
            print(text, file=sys.stderr)
        return 128 + error.signum if isinstance(error, Interrupted) else int(ExitCode.INTERRUPTED)
    if isinstance(error, BrokenPipeError) or isinstance(error.__context__, BrokenPipeError):
        # The reader of predictions (head, less) has closed the pipe, which is no failure. Typer turns that into
        # SystemExit(1). All other output goes through a Sink.
        return int(ExitCode.OK)
    if isinstance(error, SystemExit):
        raise error
    return _defect(error)


def fail(error: DlcliError) -> None:
    """Print a user's error as one line on stderr."""
    from dlcli.cli.console import fitted
    from dlcli.passwords import without_passwords

    text = str(error)
    if not may_tell(text, follows=isinstance(error, LostRanksError)):
        return
    print(fitted("dlcli: " + without_passwords(one_line(text)), sys.stderr), file=sys.stderr)


def _defect(error: BaseException) -> int:
    """A bug in dlcli: say so in one line, and keep the traceback in a file."""
    import tempfile
    import traceback

    if not may_tell(f"{type(error).__name__}: {error}"):
        return int(ExitCode.DEFECT)
    with tempfile.NamedTemporaryFile("w", prefix="dlcli-", suffix=".txt", delete=False, encoding="utf-8") as file:
        traceback.print_exc(file=file)
    print(
        f"dlcli: a defect in dlcli: {type(error).__name__}: {' '.join(str(error).split())} (details in {file.name})",
        file=sys.stderr,
    )
    return int(ExitCode.DEFECT)
