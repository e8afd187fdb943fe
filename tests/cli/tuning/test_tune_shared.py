"""One study for several processes: on a journal file, and on database servers that the tests start."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import numpy as np
import optuna
import pytest

from dlcli.search.study.storage import open_storage
from tests.servers import free_port, postgresql

POINTS = 12
TRAINING = ["fit-linear", "table.csv", "--optimizer", "sgd", "--batch-size", "4", "--steps", "20000"]


@pytest.fixture(scope="module")
def server():
    """A PostgreSQL server, gone with the tests; the URL of an empty database."""
    with postgresql() as url:
        yield url
        if url in STORAGES:
            STORAGES[url].engine.dispose()


@pytest.fixture(scope="module")
def mysql():
    """The same of a MariaDB server."""
    pytest.importorskip("pymysql", reason="no driver: pip install 'dlcli[mysql]'")
    if not (shutil.which("mariadbd") and shutil.which("mariadb-install-db")):
        pytest.skip("MariaDB isn't installed (Debian: apt-get install mariadb-server)")
    folder = Path(f"/tmp/dlcli-mariadb-{os.getpid()}")
    folder.mkdir()
    user = []
    if os.getuid() == 0:
        shutil.chown(folder, "mysql")
        user = ["--user=mysql"]
    port, data, socket_file = free_port(), folder / "data", folder / "socket"
    root = ["--auth-root-authentication-method=normal", "--skip-test-db"]
    server = None
    try:
        install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", *user, *root]
        subprocess.run(install, check=True, capture_output=True)
        options = [f"--datadir={data}", f"--port={port}", f"--socket={socket_file}", "--bind-address=127.0.0.1"]
        with (folder / "log").open("w") as log:
            server = subprocess.Popen(["mariadbd", "--no-defaults", *user, *options], stdout=log, stderr=log)
        sql = (
            "CREATE DATABASE studies; CREATE USER dlcli@127.0.0.1 IDENTIFIED BY 'hush'; "
            "GRANT ALL ON studies.* TO dlcli@127.0.0.1"
        )
        for _ in range(100):
            client = ["mariadb", "--no-defaults", "-S", str(socket_file), "-u", "root", "-e", sql]
            if not (made := subprocess.run(client, check=False, capture_output=True, text=True)).returncode:
                break
            time.sleep(0.2)
        assert not made.returncode, made.stderr
        url = f"mysql://dlcli:hush@127.0.0.1:{port}/studies"
        yield url
        if url in STORAGES:
            STORAGES[url].engine.dispose()
    finally:
        if server:
            server.kill()
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["journal", "postgresql", "mysql"])
def url(request, tmp_path):
    if request.param == "journal":
        return f"journal://{tmp_path / 'study.journal'}"
    return request.getfixturevalue("server" if request.param == "postgresql" else "mysql")


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(0)
    x = random.normal(size=(300, 2))
    rows = np.column_stack([x, x @ [2.0, -1.0] + random.normal(size=300)])
    np.savetxt(tmp_path / "table.csv", rows, delimiter=",", header="a,b,y", comments="")
    return tmp_path


@pytest.fixture
def share(start):
    """Start a process of a grid search that shares a study."""

    def begin(url, study, place, points=POINTS, more=(), heartbeat=1):
        return start(
            "tune-lr", "--points", points, "--lr", "1e-5:1e-2", "--storage", url, "--study", study, "--heartbeat",
            heartbeat, "--out", place, *TRAINING, *more,
        )  # fmt: skip

    return begin


STORAGES = {}


def trials_of(url, study):
    if url not in STORAGES:
        STORAGES[url] = open_storage(url, 1)
    storage = STORAGES[url]
    return optuna.load_study(study_name=study, storage=storage).get_trials(deepcopy=False)


def check_complete(url, study):
    """Every point stands there as complete, exactly once."""
    complete = [t for t in trials_of(url, study) if t.state.name == "COMPLETE"]
    assert Counter(t.user_attrs["point"] for t in complete) == Counter(range(POINTS))
    return complete


def test_two_processes_run_every_point_once(folder, share, url):
    # On a busy machine a heartbeat of a second comes late, and a point that is still running is given out again.
    both = [share(url, "twice", place, heartbeat=60) for place in ("one", "two")]
    ended = [process.communicate(timeout=100) for process in both]
    assert [process.returncode for process in both] == [0, 0], ended
    complete = check_complete(url, "twice")
    assert len(trials_of(url, "twice")) == POINTS
    assert len({t.user_attrs["worker"] for t in complete}) == 2
    bests = {(folder / place / "best.toml").read_text() for place in ("one", "two")}
    assert len(bests) == 1
    assert "hush" not in "".join(out + err for out, err in ended)
    assert all("hush" not in path.read_text() for path in folder.rglob("*.toml"))
    assert all("hush" not in path.read_text() for path in folder.rglob("*.json*"))


def kill_in_a_trial(process, url, study):
    """SIGKILL while a trial of the process is running; the point."""
    for _ in range(200):
        process.send_signal(signal.SIGSTOP)
        mine = [
            t for t in trials_of(url, study)
            if t.state.name == "RUNNING" and f":{process.pid}:" in t.user_attrs.get("worker", "")
        ]  # fmt: skip
        if mine:
            process.kill()
            process.communicate()
            return mine[0].user_attrs["point"]
        process.send_signal(signal.SIGCONT)
        time.sleep(0.05)
    raise AssertionError("no trial was ever running")


def test_a_killed_worker_s_point_is_run_by_the_other(folder, share, url):
    doomed, other = share(url, "killed", "one"), share(url, "killed", "two")
    while not (line := doomed.stderr.readline()).startswith("trial"):
        assert line, doomed.communicate()
    lost = kill_in_a_trial(doomed, url, "killed")
    _, err = other.communicate(timeout=100)
    assert other.returncode == 0, err
    complete = check_complete(url, "killed")
    again = next(t for t in complete if t.user_attrs["point"] == lost)
    assert f":{other.pid}:" in again.user_attrs["worker"]
    states = Counter(t.state.name for t in trials_of(url, "killed"))
    assert states == {"COMPLETE": POINTS, "FAIL": 1}


def test_the_server_s_study_of_another_space(folder, share, server):
    first = share(server, "space", "one", points=2)
    first.communicate(timeout=60)
    second = share(server, "space", "two", points=2, more=["--momentum", "0.5"])
    _, err = second.communicate(timeout=60)
    assert second.returncode == 2
    assert "made by another command" in err
    assert "hush" not in err


def test_a_run_is_repeated_from_its_config_with_the_password_from_the_environment(folder, dlcli, mysql):
    def run(*words, **more):
        return dlcli("tune-lr", *words, **more)

    first = run("--study", "config", "--storage", mysql, "--points", "2", "--out", "one", "fit-linear", "table.csv")
    assert first.code == 0, first.err
    kept = mysql.replace(":hush", "")
    assert f'storage = "{kept}"' in (folder / "one" / "config.toml").read_text()
    assert json.loads((folder / "one" / "report.json").read_text())["storage"] == kept
    assert all(b"hush" not in path.read_bytes() for path in (folder / "one").rglob("*") if path.is_file())
    again = ["--config", "one/config.toml", "--out", "two"]
    refused = run(*again)
    assert refused.code == 2
    assert "its password comes with --storage, or in MYSQL_PWD" in refused.err
    for words, more in (([], {"MYSQL_PWD": "hush"}), (["--storage", mysql], {})):
        found = run(*again, "--force", *words, **more)
        assert found.code == 0, found.err
        assert "2 of its trials have ended" in found.err
        assert "hush" not in found.err + found.out


# The whole campaign: DLCLI_ROUNDS=20 python -m pytest -n 0 -k sqlite tests/cli/tuning/test_tune_shared.py
ROUNDS = int(os.environ.get("DLCLI_ROUNDS", "2"))


@pytest.fixture
def together(start):
    """What processes say that run such commands at once, and end with 0."""

    def run(*commands):
        processes = [start("tune-lr", *words) for words in commands]
        said = [process.communicate(timeout=300)[1] for process in processes]
        assert [process.returncode for process in processes] == [0] * len(commands), said
        return [line for text in said for line in text.splitlines() if line.startswith("trial ")]

    return run


@pytest.mark.parametrize("number", range(ROUNDS))
def test_three_processes_share_an_sqlite_file_and_run_no_point_twice(folder, together, number):
    url = f"sqlite:///{folder / 's.db'}"
    words = ["--study", "p", "--storage", url, "--random", "--trials", "24", "fit-linear", "table.csv"]
    assert len(together(words, words, words)) == 24
    complete = [t for t in trials_of(url, "p") if t.state.name == "COMPLETE"]
    assert Counter(t.user_attrs["point"] for t in complete) == Counter(range(24))


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_processes_that_extend_a_study_by_several_grids_run_no_combination_twice(folder, together, kind):
    url = f"{kind}://{'/' if kind == 'sqlite' else ''}{folder / 'study'}"
    words = ["--study", "p", "--storage", url, "--out"]
    grids = [
        ("0.01,0.1", "constant"), ("0.001,0.1,1", "constant"), ("0.1,1", "time,constant"),
        ("0.1,1,0.01", "constant,time"), ("0.001", "time"),
    ]  # fmt: skip
    commands = [
        [*words, str(place), "--lr", rates, "--vary", f"schedule={schedules}", "fit-linear", "table.csv"]
        for place, (rates, schedules) in enumerate(grids)
    ]
    assert len(together(commands[0])) == 2
    assert len(together(*commands[1:4])) == 5
    assert len(together(commands[4])) == 1
    trials = json.loads((folder / "4" / "report.json").read_text())["trials"]
    assert [t["number"] for t in trials] == list(range(8))
    assert len({(t["params"]["lr"], t["params"]["schedule"]) for t in trials}) == 8
    for place in range(4):
        for other in json.loads((folder / str(place) / "report.json").read_text())["trials"]:
            assert other["params"] == trials[other["number"]]["params"]
