"""The files of an app: templates filled in, and what clients begin with."""

import json
from dataclasses import dataclass
from pathlib import Path

from dlcli.config.federated.export import Engine
from dlcli.errors import DlcliError
from dlcli.files import JsonObject, write_atomic
from dlcli.runs import directory

TEMPLATES = Path(__file__).with_name("templates")
ENDING = ".jinja"
START, PLAN, CLIENTS = "start", "plan.json", "clients.json"
# By engine: where the file of rounds, which all engines share, goes.
ROUNDS = {"flower": "dlcli_app/rounds.py", "nvflare": "job/app/custom/rounds.py"}
PLACES = {
    "flower": {
        "client_app.py": "dlcli_app/client_app.py", "server_app.py": "dlcli_app/server_app.py", "run.py": "run.py",
        "pyproject.toml": "pyproject.toml", "README.md": "README.md",
    },
    "nvflare": {
        "client.py": "job/app/custom/client.py", "server.py": "job/app/custom/server.py", "run.py": "run.py",
        "meta.json": "job/meta.json", "config_fed_server.json": "job/app/config/config_fed_server.json",
        "config_fed_client.json": "job/app/config/config_fed_client.json", "README.md": "README.md",
    },
}  # fmt: skip


@dataclass(frozen=True)
class Client:
    """A client's name, and its DATA: paths, or URLs."""

    name: str
    data: tuple[str, ...]


@dataclass(frozen=True)
class App:
    """What an app trains: the model that it begins with (a file's bytes), its settings as TOML, its report as JSON, the
    plan of the rounds, the clients, and the command that it stands for.
    """

    model: bytes
    settings: str
    report: str
    plan: JsonObject
    clients: tuple[Client, ...]
    command: str

    def files(self, engine: Engine) -> dict[str, bytes]:
        """The files by their names in the app's folder."""
        known = {
            "title": f"dlcli {self.command} over data that stay apart", "engine": engine, "command": self.command,
            "plan": self.plan, "rounds": self.plan["rounds"], "timeout": self.plan["timeout"],
            "clients": len(self.clients),
        }  # fmt: skip
        made = {place: _filled(f"{engine}/{name}", known) for name, place in PLACES[engine].items()}
        made[ROUNDS[engine]] = _filled("rounds.py", known)
        if engine == "flower":
            made["dlcli_app/__init__.py"] = b'"""dlcli in Flower."""\n'
        each = [{"name": client.name, "data": list(client.data)} for client in self.clients]
        return made | {
            CLIENTS: _json(each), f"{START}/{PLAN}": _json(self.plan),
            f"{START}/{directory.CONFIG}": self.settings.encode(), f"{START}/{directory.MODEL}": self.model,
            f"{START}/{directory.REPORT}": self.report.encode(),
        }  # fmt: skip


def check_folder(folder: Path, force: bool) -> None:
    """Raises DlcliError for a folder that an app can't be written to."""
    if folder.exists() and not folder.is_dir():
        raise DlcliError(f"--export: {folder} is a file", "give a folder")
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise DlcliError(f"--export: {folder} is not empty", "choose another folder, or add --force")


def write_app(app: App, engine: Engine, folder: Path) -> list[str]:
    """Write it; returns the names of the files. Raises DlcliError where that can't be."""
    files = app.files(engine)
    for name, content in files.items():
        target = folder / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DlcliError(
                f"--export: cannot make {target.parent}: {error.strerror}", "choose another folder"
            ) from None
        write_atomic(target, content)
    return sorted(files)


def _filled(name: str, known: JsonObject) -> bytes:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=False, trim_blocks=True, lstrip_blocks=True,
        undefined=StrictUndefined, keep_trailing_newline=True,
    )  # fmt: skip
    return environment.get_template(name + ENDING).render(known).encode()


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()
