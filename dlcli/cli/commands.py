"""The commands: their names, summaries and modules, which are imported on use."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlcli.cli.command import Command

# name -> (module with COMMAND, one line for --help); a name of two words is that of a command in a group
COMMANDS = {
    "fit-linear": ("dlcli.cli.fit_linear", "Fit linear, logistic or softmax regression by gradient descent."),
    "train-deconv": ("dlcli.cli.train_deconv", "Train a network that restores or classifies images."),
    "data": ("dlcli.cli.data", "Show what is in a folder of images, before anyone trains."),
    "noise": ("dlcli.cli.noise", "Measure the noise of images: its level, its kind, and how it grows with brightness."),
    "tune-lr": ("dlcli.cli.tuning.tune_lr", "Tune the learning rate, or any other option of a training command."),
    "federate fit-linear": (
        "dlcli.cli.federated.fit_linear",
        "Fit linear, logistic or softmax regression to data that stay with clients.",
    ),
    "federate train-deconv": (
        "dlcli.cli.federated.train_deconv",
        "Train a network over images that stay with clients.",
    ),
    "federate client": ("dlcli.cli.federated.client", "Answer a round of an exported app with a client's rows."),
    "eval": ("dlcli.cli.evaluate", "Measure a saved model, and fail a CI job if a check does not hold."),
    "explain": ("dlcli.cli.saved.explain", "Explain a saved model: what its predictions are made of."),
    "runs": ("dlcli.cli.saved.runs", "List runs: how they ended, their metrics, steps and age."),
    "report": ("dlcli.cli.saved.report", "Show runs on one page, or compare them: HTML, or Markdown."),
    "models": ("dlcli.cli.saved.models", "List the networks that come with dlcli."),
    "predict": ("dlcli.cli.predict", "Write the predictions of a saved model."),
    "export": ("dlcli.cli.saved.export", "Hand a saved model on to other programs."),
}


def groups() -> dict[str, dict[str, str]]:
    """The groups of commands: by name, the summaries of their commands by the word after it."""
    found: dict[str, dict[str, str]] = {}
    for name, (_, summary) in COMMANDS.items():
        group, _, word = name.partition(" ")
        if word:
            found.setdefault(group, {})[word] = summary
    return found


def load(name: str) -> "Command[Any, Any, Any]":
    """Import the module of command ``name``."""
    command: Command[Any, Any, Any] = importlib.import_module(COMMANDS[name][0]).COMMAND
    return command
