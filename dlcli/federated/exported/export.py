"""``--export``: an app for another engine in place of training here."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from dlcli.config.federated.clients import clients_of
from dlcli.config.federated.export import ExportTo
from dlcli.config.federated.options import FederationOptions
from dlcli.config.fit_linear import FitLinearConfig
from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.engine.progress import Progress, Silent
from dlcli.errors import DlcliError
from dlcli.federated.exported.write import App, Client, check_folder, write_app
from dlcli.files import JsonObject
from dlcli.reports.document import Report
from dlcli.reports.federated.apps import AppClient, AppReport

if TYPE_CHECKING:
    from dlcli.config.federated.fit_linear import FederateLinearConfig
    from dlcli.config.federated.train_deconv import FederateDeconvConfig

ConfigT = TypeVar("ConfigT", FitLinearConfig, TrainDeconvConfig)
START = "start"
EXACT_ROUNDS, ROUNDS = 30, 20  # at most, and those of local steps
TABLE_STEPS, IMAGE_STEPS = 10, 100  # a round of a program takes seconds to begin
TIMEOUT = 600  # seconds for a round


@dataclass(frozen=True)
class Planned:
    """What an app is to be made of: the model that clients begin with, its settings and report, the plan of rounds."""

    model: bytes
    config: FitLinearConfig | TrainDeconvConfig
    report: Report
    plan: JsonObject
    parameters: int


def export_linear(config: "FederateLinearConfig", to: ExportTo, progress: Progress) -> AppReport:
    """Write an app that fits a linear model. Raises DlcliError for clients and options that it can't have."""
    start = time.monotonic()
    clients = _clients(config, to)
    refuse(config)
    if config.optimizer == "sgd":
        raise DlcliError("--optimizer sgd has no --export yet: local steps are those of gd", "leave it out")
    plain = _plain(FitLinearConfig, config, tuple(path for client in clients for path in client.data))
    exact = not config.averages
    planned = _of_table(plain, config, exact, progress)
    rates = _checked_tables(planned, clients)
    if not exact and planned.plan["lr"] is None:
        # With half of the smallest of the clients' largest stable rates no client's steps diverge.
        planned.plan["lr"] = min(rates) / 2
        progress.note(f"--lr {planned.plan['lr']:.4g}: stable at every client")
    return _written(config.command, planned, clients, to, start)


def export_networks(config: "FederateDeconvConfig", to: ExportTo, progress: Progress) -> AppReport:
    """Write an app that trains a network. Raises DlcliError for clients and options that it can't have."""
    from dlcli.federated.exported.begin_networks import check_alike, first_network

    start = time.monotonic()
    if config.task == "pairs":
        raise DlcliError("--task pairs has no --export yet: a client's DATA is one folder", "train in this process")
    clients = _clients(config, to, folders=True)
    refuse(config)
    if config.trained_by.name == "fedprox":
        raise DlcliError(
            f"--algorithm {config.algorithm} has no --export of networks: a client's program takes plain steps",
            "use fedavg, with fewer --local-steps where clients differ much",
        )
    steps = config.local_steps or IMAGE_STEPS
    # Validation images would choose among the weights of a round; what is wanted are the last ones.
    plain = _plain(TrainDeconvConfig, config.with_defaults(), tuple(path for client in clients for path in client.data))
    plain = TrainDeconvConfig.build({**plain.given(), "steps": steps, "val": 0.0})
    first = first_network(plain, progress)
    plain = first.config
    check_alike(first.network, plain, clients)
    plan = _plan(config, "images", "fedavg", config.rounds or ROUNDS) | {"local_steps": steps, "lr": plain.lr}
    planned = Planned(first.network.to_bytes(), plain, first.report, plan, first.report.weights)
    return _written(config.command, planned, clients, to, start)


def refuse(config: FederationOptions) -> None:
    """Raises DlcliError for options that only training in this process has."""
    asked = {
        "--secure-sum": (config.secure_sum, "the engines have their own: SecAgg+ of Flower, filters of NVFlare"),
        "--dp-clip": (
            config.dp_clip is not None,
            "the engines have their own: DP wrappers of Flower, filters of NVFlare",
        ),
        "--client-failures": (config.client_failures > 0, "kill a client of the app instead"),
        "--pooled": (getattr(config, "pooled", False), "run dlcli on all data beside it"),
        "--early-stop": (getattr(config, "early_stop", None) is not None, "give --rounds"),
        "--l1": (bool(getattr(config, "l1", 0)), "use --l2"),
    }
    if isinstance(config, FitLinearConfig):
        asked |= _of_tables(config)
    if isinstance(config, TrainDeconvConfig):
        given_at_all = {name for name in config.given() if getattr(config, name) is not None}
        instead = "local steps have a constant rate, and the last weights of each count"
        asked |= {f"--{name}": (name in given_at_all, instead) for name in ("schedule", "warmup", "val", "resume")}
    for name, (given, instead) in asked.items():
        if given:
            raise DlcliError(f"{name} isn't there with --export: {instead}", "leave it out")


def _of_tables(config: FitLinearConfig) -> dict[str, tuple[bool, str]]:
    """Options of tables alone that an app hasn't got: whether they were given, and what to do instead."""
    return {
        "--val": (bool(config.val) or bool(config.val_rows), "measure the model by dlcli eval"),
        "--class-weight": (config.class_weight is not None, "give rows weights, by --weights"),
        "--init": (config.init is not None, "an app begins at 0"),
        "--steps": (config.steps is not None, "give --rounds and --local-steps with --algorithm fedavg"),
        "--minutes": (config.minutes is not None, "stop the app"),
        "--tolerance": (config.tolerance is not None, "it ends where a step gains less than 1e-13 of the loss"),
    }


def _clients(config: FederationOptions, to: ExportTo, *, folders: bool = False) -> tuple[Client, ...]:
    """The clients, whose paths stay true wherever the app is started."""
    check_folder(to.folder, bool(getattr(config, "force", False)))
    if config.parts is not None:
        raise DlcliError(
            f"--export: --clients {config.parts} deals rows out in this process, and an app's clients have files",
            "name them: --clients ward-a.csv,ward-b.csv, or a folder with a file for each",
        )
    data: tuple[str, ...] = config.data  # type: ignore[attr-defined]
    if folders:
        names = [os.path.basename(os.path.normpath(one)) or one for one in data]
        unique = len(set(names)) == len(names)
        return tuple(Client(name if unique else one, (_absolute(one),)) for name, one in zip(names, data, strict=True))
    return tuple(Client(one.name, tuple(_absolute(file) for file in one.files)) for one in clients_of(data))


def _absolute(path: str) -> str:
    return path if "://" in path else os.path.abspath(path)


def _plain(kind: type[ConfigT], config: FederationOptions, data: tuple[str, ...]) -> ConfigT:
    """The settings of plain training that a federated command was given."""
    given = {name: value for name, value in config.given().items() if name in kind.model_fields}
    return kind.build({**given, "data": data})


def _plan(config: FederationOptions, kind: str, algorithm: str, rounds: int) -> JsonObject:
    return {
        "kind": kind, "algorithm": algorithm, "rounds": rounds, "local_steps": 0, "lr": None, "mu": 0.0,
        "fraction": config.fraction, "timeout": TIMEOUT, "seed": config.seed,  # type: ignore[attr-defined]
    }  # fmt: skip


def _of_table(plain: FitLinearConfig, config: "FederateLinearConfig", exact: bool, progress: Progress) -> Planned:
    from dlcli.federated.exported.begin_linear import first_model

    first = first_model(plain, progress)
    algorithm = config.trained_by
    plan = _plan(
        config, "table", "exact" if exact else algorithm.name, config.rounds or (EXACT_ROUNDS if exact else ROUNDS)
    )
    if not exact:
        plan |= {
            "local_steps": config.local_steps or TABLE_STEPS, "lr": None if config.lr == "auto" else config.lr,
            "mu": algorithm.mu,
        }  # fmt: skip
    numbers = first.model.coefficients.size + first.model.intercept.size
    return Planned(first.model.to_bytes(), first.config, first.report, plan, numbers)


def _checked_tables(planned: Planned, clients: tuple[Client, ...]) -> list[float]:
    """The largest stable rate of each client. Raises DlcliError where one's files don't fit the model."""
    import tempfile

    from dlcli.federated.exported.answer import ClientRows
    from dlcli.runs import directory

    rates = []
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder)
        (run / directory.MODEL).write_bytes(planned.model)
        (run / directory.CONFIG).write_text(planned.config.to_toml(run), encoding="utf-8")
        for client in clients:
            try:
                rates.append(ClientRows.read(run, client.data, Silent()).stable)
            except DlcliError as error:
                raise DlcliError(f"client {client.name}: {error.message}", error.hint) from None
    return [rate for rate in rates if np.isfinite(rate)]


def _written(command: str, planned: Planned, clients: tuple[Client, ...], to: ExportTo, start: float) -> AppReport:
    # Paths start from a folder of the app; the model that comes out lies beside, so that they stay true.
    settings, plan = planned.config.to_toml(to.folder / START), planned.plan
    app = App(planned.model, settings, planned.report.to_json(), plan, clients, command)
    files = write_app(app, to.engine, to.folder)
    exact = plan["algorithm"] == "exact"
    return AppReport.model_validate({
        "command": command, "engine": to.engine, "out": str(to.folder), "algorithm": plan["algorithm"],
        "rounds": plan["rounds"], "local_steps": None if exact else plan["local_steps"], "lr": plan["lr"],
        "clients": [AppClient(name=client.name, data=list(client.data)) for client in clients],
        "parameters": planned.parameters, "files": files, "seconds": time.monotonic() - start, "status": "finished",
    })  # fmt: skip
