"""Database servers that tests start."""

import glob
import os
import shutil
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def programs():
    """The folder of PostgreSQL's programs; Debian keeps them off the PATH."""
    found = shutil.which("initdb")
    folders = [str(Path(found).parent)] if found else sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not folders:
        pytest.skip("PostgreSQL isn't installed (Debian: apt-get install postgresql)")
    return Path(folders[-1])


@contextmanager
def postgresql():
    """A PostgreSQL server on a free port; the URL of an empty database, whose password isn't checked."""
    pytest.importorskip("psycopg", reason="no driver: pip install 'dlcli[postgresql]'")
    binaries = programs()
    # The server refuses to run as root; Debian's package comes with a user for it.
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    folder = Path(f"/tmp/dlcli-postgres-{os.getpid()}")
    folder.mkdir()
    if user:
        shutil.chown(folder, "postgres")
    port, data, log = free_port(), folder / "data", folder / "log"
    try:
        subprocess.run(
            [*user, str(binaries / "initdb"), "-D", str(data), "-U", "dlcli", "-A", "trust", "--no-sync"],
            check=True, capture_output=True, cwd="/",
        )  # fmt: skip
        control = [*user, str(binaries / "pg_ctl"), "-D", str(data), "-l", str(log), "-w"]
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        subprocess.run([*control, "-o", options, "start"], check=True, capture_output=True, cwd="/")
        yield f"postgresql://dlcli:hush@127.0.0.1:{port}/postgres"
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, capture_output=True, cwd="/")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
