"""The settings that a linear model was trained with, whether its data were in one place or not."""

from pathlib import Path

from dlcli.config import toml
from dlcli.config.fit_linear import FitLinearConfig

FEDERATED = "federate fit-linear"


def settings_of(file: Path) -> FitLinearConfig:
    """Those of a run's config.toml; of clients ``data`` are the files of all of them. Raises DlcliError."""
    if toml.parsed(file).get("command") != FEDERATED:
        return FitLinearConfig.build({}, file)
    from dlcli.config.federated.fit_linear import FederateLinearConfig  # here, as few runs are such ones

    return FederateLinearConfig.build({}, file).with_files()
