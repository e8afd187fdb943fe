"""The help of every command names every option in full, however narrow the terminal."""

import pytest

from dlcli.cli.commands import COMMANDS, load
from dlcli.config.option import flags_of


@pytest.mark.parametrize("columns", ["40", "80", "120"])
@pytest.mark.parametrize("command", COMMANDS)
def test_no_option_is_cut(app, monkeypatch, command, columns):
    monkeypatch.setenv("COLUMNS", columns)
    code, out, err = app(command, "--help")
    assert (code, err) == (0, "")
    words = set(out.replace(",", " ").replace("/", " ").split())
    config = load(command).config
    assert {flag for name in config.model_fields for flag in flags_of(config, name)} <= words


def test_help_says_what_the_options_are_for_in_panels(app, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    out = app("train-deconv", "--help")[1]
    panels = ["Task", "Data", "Model", "Training", "Schedule", "Regularization", "Output"]
    places = [out.index(f"─ {panel} ─") for panel in panels]
    assert places == sorted(places)


def test_help_of_a_training_within_a_search_names_the_whole_command(app):
    assert "dlcli tune-lr fit-linear [OPTIONS]" in app("tune-lr", "fit-linear", "--help")[1]
