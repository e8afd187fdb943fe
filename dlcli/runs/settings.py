"""The settings of a run that is there, from its config.toml."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from dlcli.config import paths, toml
from dlcli.config.base import Config
from dlcli.config.option import field_meta
from dlcli.errors import DlcliError
from dlcli.runs.names import CONFIG
from dlcli.runs.past import PastRun


@dataclass(frozen=True)
class RunSettings:
    """Every setting by name, those that the file lacks by their defaults; ``compared`` has paths in one spelling."""

    shown: dict[str, object] = field(default_factory=dict)
    defaults: dict[str, object] = field(default_factory=dict)
    compared: dict[str, object] = field(default_factory=dict)


def settings_of(run: PastRun) -> RunSettings:
    """The settings of a run; none where it has no file that can be read."""
    try:
        given = toml.parsed(run.path / CONFIG)
    except (DlcliError, RecursionError):
        return RunSettings()
    given.pop("command", None)
    config = config_of(run.command)
    defaults = {name: _plain(value) for name, value in _defaults(config).items()}
    kept = {name: toml.restored(value) for name, value in {**defaults, **given}.items()}

    def here(path: str) -> str:
        return paths.read_from(run.path, path)

    def one_spelling(path: str) -> str:
        place = here(path)
        return place if place in ("", paths.STANDARD_INPUT) or "://" in place else os.path.realpath(place)

    changed = config.changed if config is not None else Config.changed
    return RunSettings(
        {name: changed(name, value, here) if name in given else value for name, value in kept.items()},
        defaults,
        {name: changed(name, value, one_spelling) if name in given else value for name, value in kept.items()},
    )


def config_of(command: str) -> type[Config] | None:
    """The config of a command that leaves a run directory; None for one that isn't known."""
    if command == "fit-linear":
        from dlcli.config.fit_linear import FitLinearConfig

        return FitLinearConfig
    if command == "federate fit-linear":
        from dlcli.config.federated.fit_linear import FederateLinearConfig

        return FederateLinearConfig
    if command == "federate train-deconv":
        from dlcli.config.federated.train_deconv import FederateDeconvConfig

        return FederateDeconvConfig
    if command == "train-deconv":
        from dlcli.config.train_deconv import TrainDeconvConfig

        return TrainDeconvConfig
    if command == "tune-lr":
        from dlcli.config.tune_lr import TuneLrConfig

        return TuneLrConfig
    if command == "explain":
        from dlcli.config.saved.explain import ExplainConfig

        return ExplainConfig
    if command in ("data", "noise"):
        from dlcli.config.data import DataConfig, NoiseConfig

        return DataConfig if command == "data" else NoiseConfig
    return None


def _defaults(config: type[Config] | None) -> dict[str, object]:
    """Those of all settings that a file may have."""
    if config is None:
        return {}
    names = [name for name in config.model_fields if not field_meta(config, name).cli_only]
    return {name: config.model_fields[name].get_default() for name in names}


def _plain(value: object) -> object:
    """As TOML has it."""
    return list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value
