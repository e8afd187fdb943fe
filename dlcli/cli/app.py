"""The Typer application. Commands are loaded only when they run, so that --help is quick."""

import importlib
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from dlcli import __version__
from dlcli.errors import DlcliError, ExitCode, Interrupted

# Typer carries its own copy of Click, and shows of its errors only BadParameter: this is the base of them all.
ClickException: Any = typer.BadParameter.__mro__[2]

# name -> (module with `command`, one line for --help)
COMMANDS = {
    "fit-linear": ("dlcli.cli.fit_linear", "Fit linear, logistic or softmax regression by gradient descent."),
    "train-deconv": ("dlcli.cli.train_deconv", "Train a network that restores or classifies images."),
    "tune-lr": ("dlcli.cli.tune_lr", "Find the learning rate, the schedule, the filters: any option of a training."),
    "eval": ("dlcli.cli.evaluate", "Measure a saved model; fail a CI job when a check does not hold."),
    "predict": ("dlcli.cli.predict", "Write the predictions of a saved model."),
}


class LazyGroup(TyperGroup):
    """A group whose commands' modules are imported on use; --help needs their names and summaries only."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the commands, in the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command: a light stand-in while the group's own help is made, else the real one."""
        if cmd_name not in COMMANDS:
            return None
        module, summary = COMMANDS[cmd_name]
        if getattr(ctx, "listing_only", False):
            return TyperCommand(cmd_name, help=summary)
        return load_command(module, cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the group's help from names and summaries, without importing a command."""
        ctx.listing_only = True
        super().format_help(ctx, formatter)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command, with close matches named when there is none."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean 'dlcli {close[0]}'?" if close else f"commands: {', '.join(COMMANDS)}"
            raise DlcliError(f"there is no command {args[0]!r}", hint)
        return super().resolve_command(ctx, args)


def load_command(module: str, name: str) -> Any:
    """Import a command's module and return its Click command."""
    sub = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)
    loaded = importlib.import_module(module)
    settings = {"help_option_names": ["-h", "--help"], **getattr(loaded, "CONTEXT", {})}
    sub.command(name, context_settings=settings)(loaded.command)
    command = typer.main.get_command(sub)
    command.name = name
    return command


def parse_config(name: str, args: list[str], parent: Any) -> Any:
    """The config that command ``name`` would run with, from its own command line ``args``; nothing is run."""
    from dlcli.cli.options import config_of

    module, _ = COMMANDS[name]
    context = load_command(module, name).make_context(name, list(args), parent=parent)
    return config_of(importlib.import_module(module).CONFIG, context.params)


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
    """Train models by gradient descent: one command leaves a model, metrics and pictures."""


def run(args: list[str] | None = None) -> int:
    """Run the command line and return the exit code; every user error becomes one line on stderr."""
    try:
        result = app(args, standalone_mode=False, prog_name="dlcli")
        return int(result) if isinstance(result, int) else int(ExitCode.OK)
    except DlcliError as error:
        fail(error)
        return int(error.exit_code)
    except ClickException as error:
        return _usage(error)
    except Interrupted as error:
        print("dlcli: stopped before there was anything to save", file=sys.stderr)
        return 128 + error.signum
    except (KeyboardInterrupt, typer.Abort):
        print("dlcli: stopped before there was anything to save", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)
    except (BrokenPipeError, SystemExit) as error:
        # Typer leaves with code 1 where the reader has gone.
        if isinstance(error, SystemExit) and not isinstance(error.__context__, BrokenPipeError):
            raise
        # The reader of predictions (head, less) has gone: that is no failure. All else prints through a Sink.
        return int(ExitCode.OK)
    except MemoryError:
        fail(DlcliError("not enough memory for this table", "use fewer columns, or --optimizer gd with --loss mse"))
        return int(ExitCode.USAGE)
    except BaseException as error:  # a panic of Rust code is no Exception
        return _defect(error)


def fail(error: DlcliError) -> None:
    """Print a user's error as one line on stderr."""
    text = f"{error.message.rstrip('.')}: {error.hint}" if error.hint else error.message
    print("dlcli: " + " ".join(text.split()), file=sys.stderr)


def _usage(error: Any) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        print(error.format_message())
        return int(ExitCode.OK)
    command = error.ctx.command_path if getattr(error, "ctx", None) else "dlcli"
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    hint = f"see '{command} --help'"
    if command.endswith(" tune-lr") and (owner := _owner(str(getattr(error, "option_name", "")))):
        message, hint = f"{error.option_name} is an option of {owner}", f"put it behind {owner}"
    fail(DlcliError(message.replace("Value error, ", ""), hint))
    return int(ExitCode.USAGE)


def _owner(flag: str) -> str:
    """The training command that has an option ``flag``; empty where none has."""
    for name in ("fit-linear", "train-deconv"):
        fields = importlib.import_module(COMMANDS[name][0]).CONFIG.model_fields
        if flag.startswith("--") and flag[2:].replace("-", "_") in fields:
            return name
    return ""


def _defect(error: BaseException) -> int:
    """A bug of ours: say so in one line, keep the traceback in a file."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="dlcli-", suffix=".txt", delete=False, encoding="utf-8") as file:
        traceback.print_exc(file=file)
    print(
        f"dlcli: a defect in dlcli, sorry: {type(error).__name__}: {' '.join(str(error).split())} "
        f"(details in {file.name})",
        file=sys.stderr,
    )
    return int(ExitCode.DEFECT)
