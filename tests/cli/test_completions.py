"""Completion, driven by the shells themselves; PowerShell, which can't be had here, by its structure only."""

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest

from dlcli.cli.completions import SCRIPTS, commands

FOLDER = Path(__file__).resolve().parents[2] / "completions"


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_fresh(name):
    assert (FOLDER / name).read_text() == SCRIPTS[name](), "run: python -m dlcli.cli.completions completions/"


@pytest.fixture
def place(tmp_path):
    (tmp_path / "wine data.csv").write_text("")
    (tmp_path / "table.csv").write_text("")
    (tmp_path / "tables").mkdir()
    return tmp_path


class Terminal:
    """A shell on a pseudo-terminal, spoken to as a person would: type, press TAB, look."""

    def __init__(self, command, folder, setup):
        self.pid, self.handle = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            env = {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "dumb", "PS1": "$ ", "LANG": "C.UTF-8"}
            os.execvpe(command[0], command, env)
        fcntl.ioctl(self.handle, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 200, 0, 0))
        self.send(setup + "; printf 'rea%s\\n' dy\r")
        self.until("ready")

    def send(self, text):
        os.write(self.handle, text.encode())

    def until(self, pattern, timeout=15.0):
        """What is shown until ``pattern`` appears."""
        shown, deadline = "", time.monotonic() + timeout
        while time.monotonic() < deadline:
            if select.select([self.handle], [], [], 0.1)[0]:
                shown += os.read(self.handle, 65536).decode(errors="replace")
                if re.search(pattern, shown):
                    return shown
        raise AssertionError(f"{pattern!r} did not appear in {shown!r}")

    def expect(self, typed, *patterns):
        """Type, press TAB twice, and see every pattern."""
        self.send(typed + "\t\t")
        shown, deadline = "", time.monotonic() + 15
        while time.monotonic() < deadline and not all(re.search(p, shown) for p in patterns):
            if select.select([self.handle], [], [], 0.1)[0]:
                shown += os.read(self.handle, 65536).decode(errors="replace")
        # Ctrl-U empties the line; the next command's output shows that the shell is ready again.
        self.send("\x15printf 'don%s\\n' e\r")
        self.until("done", 5)
        for pattern in patterns:
            assert re.search(pattern, shown), (typed, pattern, shown)
        return shown

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.handle)


@pytest.fixture(params=["bash", "zsh"])
def terminal(request, place):
    shell = request.param
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    if shell == "bash":
        command, setup = ["bash", "--norc", "--noprofile", "-i"], f"source {FOLDER}/dlcli.bash"
    else:
        command = ["zsh", "-f", "-i"]
        setup = f"PROMPT='$ '; autoload -Uz compinit; compinit -u -D; source {FOLDER}/dlcli.zsh"
    made = Terminal(command, place, setup)
    yield made
    made.close()


def test_bash_and_zsh_complete_what_a_person_types(terminal):
    terminal.expect("dlcli fit", r"dlcli fit-linear ")
    terminal.expect("dlcli ", "fit-linear", "eval", "predict")
    terminal.expect("dlcli fit-linear --optim", "--optimizer")
    terminal.expect("dlcli fit-linear --no-st", "--no-standardize")
    terminal.expect("dlcli fit-linear --loss ", "auto", "mse", "cross-entropy")
    terminal.expect("dlcli fit-linear --loss cr", "--loss cross-entropy")
    terminal.expect("dlcli fit-linear --schedule=hyp", "--schedule=hypergradient")
    terminal.expect("dlcli fit-linear --device c", "cpu", "cuda")
    terminal.expect("dlcli fit-linear wi", r"wine\\ data\.csv")
    terminal.expect("dlcli fit-linear --l1 0.1 wi", r"wine\\ data\.csv")
    terminal.expect("dlcli fit-linear --config table", r"table\.csv", "tables/")
    shown = terminal.expect("dlcli fit-linear --out tab", "tables/")
    assert "table.csv" not in shown
    terminal.expect("dlcli eval tab", "tables/")
    terminal.expect("dlcli eval --check x tables table", r"table\.csv", "tables/")
    terminal.expect("dlcli predict --forc", "--force")
    terminal.expect("dlcli federate f", "dlcli federate fit-linear ")
    terminal.expect("dlcli federate fit-linear --secu", "--secure-sum")
    terminal.expect("dlcli federate fit-linear --loss cr", "--loss cross-entropy")


def fish(line, place):
    script = f"source {FOLDER}/dlcli.fish; complete -C {line!r}"
    done = subprocess.run(
        ["fish", "--no-config", "-c", script], cwd=place, capture_output=True, text=True, check=True, timeout=30,
        env={"PATH": os.environ["PATH"], "HOME": str(place), "TERM": "dumb"},
    )  # fmt: skip
    return dict([*row.split("\t"), ""][:2] for row in done.stdout.splitlines())


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish(place):
    assert fish("dlcli fit", place)["fit-linear"].startswith("Fit linear")
    assert {"fit-linear", "eval", "predict"} <= set(fish("dlcli ", place))
    assert "--optimizer" in fish("dlcli fit-linear --opt", place)
    assert "--no-standardize" in fish("dlcli fit-linear --no", place)
    assert {"auto", "mse", "cross-entropy", "tweedie:1.5"} <= set(fish("dlcli fit-linear --loss ", place))
    assert "--loss=mse" in fish("dlcli fit-linear --loss=m", place)
    assert set(fish("dlcli fit-linear --dropout ", place)) == set()
    assert {"table.csv", "tables/", "wine data.csv"} <= set(fish("dlcli fit-linear ", place))
    assert set(fish("dlcli fit-linear --out ta", place)) == {"tables/"}
    assert "table.csv" in fish("dlcli fit-linear --config ta", place)
    assert "fit-linear" in fish("dlcli federate f", place)
    assert "--secure-sum" in fish("dlcli federate fit-linear --sec", place)
    assert "--secure-sum" not in fish("dlcli fit-linear --sec", place)


def test_powershell_script_has_every_option_and_balanced_brackets():
    text = (FOLDER / "dlcli.ps1").read_text()
    for command in commands():
        assert f"'{command.name}'" in text
        for option in command.options:
            assert all(f"'{flag}'" in text for flag in option.flags)
    for opening, closing in ("{}", "()", "[]"):
        assert text.count(opening) == text.count(closing)
