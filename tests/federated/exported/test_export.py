"""``--export``: what is written, and what is refused."""

import ast
import contextlib
import json
import shutil
import tomllib

import pytest

from dlcli.cli.app import run
from dlcli.reports.schema import REPORTS
from tests.federated.exported.apps import write_clients

WORDS = ["federate", "fit-linear", "--target", "y", "--drop", "k"]


@pytest.fixture
def folder(tmp_path):
    write_clients(tmp_path)
    with contextlib.chdir(tmp_path):
        yield tmp_path


@pytest.mark.parametrize("engine", ["flower", "nvflare"])
def test_an_app_is_written(folder, capsys, engine):
    assert run([*WORDS, "--clients", "a.csv,b.csv", "--export", f"{engine}:app", "--json"]) == 0
    report = REPORTS.validate_json(capsys.readouterr().out)
    app = folder / "app"
    assert report.files == sorted(str(file.relative_to(app)) for file in app.rglob("*") if file.is_file())
    assert (report.engine, report.algorithm, report.parameters) == (engine, "exact", 5)
    for name in report.files:
        text = (folder / "app" / name).read_bytes()
        if name.endswith(".py"):
            imported = {
                alias.name.partition(".")[0] for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import)
                for alias in node.names
            }  # fmt: skip
            assert "dlcli" not in imported
        elif name.endswith(".json"):
            json.loads(text)
        elif name.endswith(".toml"):
            tomllib.loads(text.decode())
        assert b"{{" not in text
        assert b"{%" not in text
    clients = json.loads((folder / "app" / "clients.json").read_text())
    assert [(one["name"], one["data"]) for one in clients] == [
        (name, [str(folder / name)]) for name in ("a.csv", "b.csv")
    ]
    assert "run.py" in (folder / "app" / "README.md").read_text()
    assert not (folder / "runs").exists()  # nothing was trained


def test_a_folder_of_clients_and_local_steps_at_a_rate_that_all_bear(folder, capsys):
    (folder / "wards").mkdir()
    for name in ("a.csv", "b.csv"):
        shutil.move(folder / name, folder / "wards" / name)
    words = ["--clients", "wards", "--algorithm", "fedprox:0.2", "--rounds", "7", "--export", "flower:app", "--json"]
    assert run([*WORDS, *words]) == 0
    report = json.loads(capsys.readouterr().out)
    plan = json.loads((folder / "app" / "start" / "plan.json").read_text())
    assert (plan["algorithm"], plan["mu"], plan["rounds"], plan["local_steps"]) == ("fedprox", 0.2, 7, 10)
    assert [one["name"] for one in report["clients"]] == ["a.csv", "b.csv"]
    rates = []
    for name in ("a.csv", "b.csv"):
        assert run(["federate", "client", f"wards/{name}", "--init", "app/start", "--json", "--quiet"]) == 0
        rates.append(json.loads(capsys.readouterr().out)["largest_stable_lr"])
    assert report["lr"] == plan["lr"] == pytest.approx(min(rates) / 2)


def test_hostile_names_stay_names(folder, capsys):
    hostile = folder / "a 'b\" $(touch owned) {{ 7*7 }}.csv"
    shutil.move(folder / "a.csv", hostile)
    assert run([*WORDS, str(hostile), "b.csv", "--clients", "each", "--export", "flower:app", "--quiet"]) == 0
    clients = json.loads((folder / "app" / "clients.json").read_text())
    assert clients[0]["data"] == [str(hostile)]


REFUSED = {
    "another engine": (["--clients", "a.csv,b.csv", "--export", "ray:app"], "expected flower:DIR or nvflare:DIR"),
    "clients without files": (["a.csv", "--clients", "3", "--export", "flower:app"], "clients have files"),
    "masks": (["--clients", "a.csv,b.csv", "--secure-sum", "--export", "flower:app"], "--secure-sum isn't there"),
    "validation": (["--clients", "a.csv,b.csv", "--val", "0.2", "--export", "flower:app"], "by dlcli eval"),
    "lasso": (["--clients", "a.csv,b.csv", "--l1", "0.1", "--export", "flower:app"], "use --l2"),
    "a folder in use": (["--clients", "a.csv,b.csv", "--export", "flower:full"], "full is not empty"),
    "no rows": (["--clients", "a.csv,empty.csv", "--export", "flower:app"], "empty.csv"),
    "other columns": (["--clients", "a.csv,other.csv", "--export", "flower:app"], "other.csv"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_an_app_cannot_have_is_refused_in_one_line(folder, capsys, what):
    (folder / "full").mkdir()
    (folder / "full" / "precious").touch()
    (folder / "empty.csv").write_text("a,b,color,y,k\n")
    (folder / "other.csv").write_text("a,color,y,k\n1,red,2,yes\n")
    words, told = REFUSED[what]
    assert run([*WORDS, *words, "--quiet"]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert told in err
    assert not (folder / "app").exists()
