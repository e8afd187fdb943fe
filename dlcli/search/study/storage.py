"""Where a study's trials are kept: in memory, in a journal file, or in a database; opened, or refused in one line."""

import importlib.util
import json
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from dlcli.errors import DlcliError
from dlcli.passwords import CREDENTIALS, hidden

if TYPE_CHECKING:
    import sqlite3

    import optuna
    from optuna.storages import BaseStorage, JournalStorage, RDBStorage
    from optuna.trial import FrozenTrial
    from sqlalchemy import Connection, Engine
    from sqlalchemy.exc import DBAPIError

    Lost = Callable[[optuna.Study, FrozenTrial], None]

SCHEMES = ("journal", "sqlite", "postgresql", "mysql")
# The drivers that SQLAlchemy is told to use, and what installs them.
DRIVERS = {"postgresql": ("psycopg", "dlcli[postgresql]"), "mysql": ("pymysql", "dlcli[mysql]")}
CREATION_TRIES = 10
# Where a driver, or the database's own client, looks for a password that the URL hasn't got.
ELSEWHERE = {"postgresql": "PGPASSWORD", "mysql": "MYSQL_PWD"}
LOCK_WAIT = 60  # seconds that a process waits for others to leave an SQLite file alone
GRACE = 3  # heartbeats that a worker may miss before it counts as dead
EXPECTED = "expected journal:///PATH, sqlite:///PATH, postgresql://USER:PASSWORD@HOST/NAME or mysql://..."


def scheme_of(url: str) -> str:
    """What kind of storage a URL names. Raises DlcliError for an unknown one."""
    scheme = url.partition("://")[0].partition("+")[0].lower()
    if "://" not in url or scheme not in SCHEMES:
        raise DlcliError(f"--storage {hidden(url)}: {EXPECTED}", "fix the URL")
    return scheme


def journal_path(url: str) -> Path:
    """The file of a journal URL: journal:///tmp/a is /tmp/a, journal://a is a path from here."""
    return Path(unquote(url.partition("://")[2], errors="surrogateescape"))


@contextmanager
def storage_errors(url: str | None, *, opening: bool = False) -> Iterator[None]:
    """Within, what goes wrong with the storage becomes a DlcliError that never shows the password.

    While ``opening`` it, anything that fails is the storage's fault: a URL, a file or tables that aren't what they
    should be.
    """
    if url is None:
        yield
        return
    import sqlalchemy.exc
    from optuna.exceptions import OptunaError

    known = (sqlalchemy.exc.SQLAlchemyError, OptunaError, OSError, ModuleNotFoundError, json.JSONDecodeError)
    hint = f"check that it is running, and that you may connect{_password_hint(url)}"
    try:
        yield
    except DlcliError:
        raise
    except known as error:
        raise DlcliError(f"--storage {hidden(url)}: {_reason(error, url)}", hint) from None
    except Exception as error:
        if opening:
            raise DlcliError(f"--storage {hidden(url)}: {_reason(error, url)}", hint) from None
        raise


def _password_hint(url: str) -> str:
    """Where a password may come from, for a server's URL that has none: config.toml leaves it out."""
    variable = ELSEWHERE.get(url.partition("://")[0].partition("+")[0].lower())
    if variable is None or hidden(url) != url:
        return ""
    return f"; its password comes with --storage, or in {variable}"


def _reason(error: Exception, url: str) -> str:
    """The first line of what the driver says, without the password, whichever way it is written."""
    text = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    line = next((line for line in text.splitlines() if line.strip()), text)
    found = CREDENTIALS.search(url)
    for secret in {found[2], unquote(found[2])} - {""} if found else ():
        line = line.replace(secret, "***")
    return f"{line.strip().rstrip('.')[:300]}"


def open_storage(url: str | None, heartbeat: float, lost: "Lost | None" = None) -> "BaseStorage":
    """The Optuna storage behind ``url``; ``lost`` gets study and trial of a worker that died. Raises DlcliError."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    # Signs of life are given by dlcli.search.study.liveness, as trials here don't run inside Study.optimize.
    warnings.filterwarnings("ignore", message="Heartbeat of storage")
    # Of a study that has grown: a smaller grid's range isn't that of all points.
    warnings.filterwarnings("ignore", message="Fixed parameter")
    if url is None:
        return optuna.storages.InMemoryStorage()
    scheme = scheme_of(url)
    with storage_errors(url, opening=True):
        if scheme == "journal":
            return _open_journal(url)
        path = url.partition("///")[2] if scheme == "sqlite" else ""
        if path:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        storage = _open_database(_with_driver(url, scheme), max(1, round(heartbeat)), lost)
        if path and path != ":memory:":
            _lock_when_reading(storage.engine)
        return storage


def _lock_when_reading(engine: "Engine") -> None:
    """Let a transaction of SQLite hold the file's lock from its beginning.

    Optuna reads that a trial is waiting (SELECT ... FOR UPDATE) and then writes that it runs. SQLite knows no FOR
    UPDATE, and its driver begins a transaction with the first write: two processes could both read, and both run it.
    """
    import sqlalchemy

    def leave_transactions_alone(connection: "sqlite3.Connection", _: object) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {1000 * LOCK_WAIT}")

    def begin(connection: "Connection") -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    engine.dispose()  # connections that were opened while the tables were made are not set up so
    sqlalchemy.event.listen(engine, "connect", leave_transactions_alone)
    sqlalchemy.event.listen(engine, "begin", begin)


def _open_database(url: str, interval: int, lost: "Lost | None") -> "RDBStorage":
    import optuna
    import sqlalchemy.exc

    # The driver gives up after 5 seconds, which others may take to make the tables on a busy machine.
    arguments: dict[str, object] = {"timeout": LOCK_WAIT} if scheme_of(url) == "sqlite" else {}
    if scheme_of(url) == "mysql" and hidden(url) == url and ELSEWHERE["mysql"] in os.environ:
        arguments["password"] = os.environ[ELSEWHERE["mysql"]]  # as PostgreSQL's driver does by itself
    for left in reversed(range(CREATION_TRIES)):
        try:
            return optuna.storages.RDBStorage(
                url,
                engine_kwargs={"pool_pre_ping": True, "connect_args": arguments},
                heartbeat_interval=interval,
                grace_period=GRACE * interval,
                heartbeat_stale_trial_callback=lost,
            )
        except sqlalchemy.exc.DBAPIError as error:
            # Two processes that both find an empty database both make the tables, and one of them fails.
            if not left or not _lost_a_race(error):
                raise
            time.sleep(0.3)
    raise AssertionError


def _lost_a_race(error: "DBAPIError") -> bool:
    """Whether what one process wanted to make was there already; MySQL calls that an operational error."""
    import sqlalchemy.exc

    races = (sqlalchemy.exc.IntegrityError, sqlalchemy.exc.ProgrammingError)
    return isinstance(error, races) or "already exists" in str(error.orig)


def _open_journal(url: str) -> "JournalStorage":
    import optuna
    from optuna.storages import journal

    path = journal_path(url)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, expected a file")
    # Windows needs a privilege for the symbolic link that is the lock elsewhere.
    lock = journal.JournalFileOpenLock(str(path)) if os.name == "nt" else None
    return optuna.storages.JournalStorage(journal.JournalFileBackend(str(path), lock_obj=lock))


def _with_driver(url: str, scheme: str) -> str:
    if scheme not in DRIVERS or "+" in url.partition("://")[0]:
        return url
    module, package = DRIVERS[scheme]
    if importlib.util.find_spec(module) is None:
        raise ModuleNotFoundError(f"no driver for {scheme}; pip install '{package}'")
    return f"{scheme}+{module}{url[len(url.partition('://')[0]) :]}"
