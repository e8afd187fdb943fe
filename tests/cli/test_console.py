"""What a person sees on a terminal: tables that fit it, lines broken between words."""

import io
import sys

import pytest
from rich.console import Console as RichConsole
from rich.text import Text

from dlcli.cli.app import fail
from dlcli.cli.console import Console, fitted
from dlcli.cli.terminal.live import LiveTable
from dlcli.engine.loop import Step
from dlcli.errors import DlcliError


class Terminal(io.StringIO):
    def isatty(self):
        return True


def narrow(monkeypatch):
    """A terminal of 40 columns, for results and for messages."""
    terminal = Terminal()
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", terminal)
    return terminal


def taken(terminal):
    """What is written there, without its style; it is then wiped."""
    text = Text.from_ansi(terminal.getvalue()).plain
    terminal.seek(0)
    terminal.truncate()
    return text


def live(steps=60, seconds=None):
    table = LiveTable("train-deconv: denoise", steps, True, seconds)
    table.close()
    return table


def report(step, seconds=1.0, psnr=21.9, status=""):
    return Step(step, 0.0066175, 0.0058, 0.01, 0.1, seconds, True, status, metrics={"psnr": psnr})


def shown(table):
    console = RichConsole(width=100)
    with console.capture() as captured:
        console.print(table._table())
    return captured.get()


def test_messages_on_a_terminal_are_broken_between_words(monkeypatch):
    terminal = narrow(monkeypatch)
    path = "/a/path/that-is/longer/than-the-line/and-stays-whole"
    note, error = f"no DATA given: training on 240 generated images in {path}", "no images to restore were given here"
    Console().note(note)
    fail(DlcliError(error, "give DATA: a folder, or image files"))
    text = taken(terminal)
    assert text.split() == f"dlcli: {note} dlcli: {error}: give DATA: a folder, or image files".split()
    assert path in text.splitlines()
    assert max(len(line) for line in text.splitlines() if line != path) <= 40


def test_messages_in_a_pipe_are_one_line(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    Console().warn("a long text " * 20)
    assert capsys.readouterr().err.count("\n") == 1
    assert fitted("a long text " * 20, sys.stderr) == "a long text " * 20


def test_a_result_on_a_narrow_terminal_leaves_out_what_matters_least(monkeypatch):
    terminal = narrow(monkeypatch)
    headings, row = ["trial", "lr", "train.loss", "state", "seconds"], ["15", "0.54117", "0.0842449", "complete", "0.4"]
    Console().table(headings, [row], least=("seconds", "state"))
    assert taken(terminal).split() == [*headings[:4], *row[:4]]
    Console().table(["", "input psnr", "psnr", "ssim"], [["mean of 24 images generated", "20.52", "25.67", "0.6377"]])
    lines = taken(terminal).splitlines()
    assert max(map(len, lines)) <= 40
    assert lines[1].split()[-3:] == ["20.52", "25.67", "0.6377"]


def test_a_command_to_copy_is_never_broken(monkeypatch):
    terminal = narrow(monkeypatch)
    text = "dlcli fit-linear --config runs/tune-lr-001/best.toml --more"
    Console().command(text)
    Console().line(text)
    command, *line = taken(terminal).splitlines()
    assert command == text
    assert line == ["dlcli fit-linear", "--config runs/tune-lr-001/best.toml", "--more"]
    Console().line("the column is there, did you mean --target 'the name of it, which is long'? or another one")
    assert "--target 'the name of it, which is long'?" in taken(terminal).splitlines()


def test_the_live_table_has_its_title_before_the_first_report():
    assert shown(live()).strip() == "train-deconv: denoise"


@pytest.mark.parametrize(
    ("step", "seconds", "speed"),
    [(22, 52.0, "0.423 steps/s"), (22, 2.0, "11 steps/s"), (5000, 2.0, "2,500 steps/s")],
)
def test_a_slow_training_shows_its_speed(step, seconds, speed):
    """It read 0 steps/s."""
    for table in (live(10_000), live(None, 60.0)):
        table.add(report(step, seconds))
        assert f"\n{speed}, " in shown(table)


def test_numbers_of_a_column_have_their_digits_below_each_other():
    table = live()
    table.add(report(2, psnr=22.54))
    table.add(report(4, psnr=21.9))
    assert [column[1:] for column in table._columns()][1] == ["0.00661750"] * 2
    assert next(column for column in table._columns() if column[0] == "psnr")[1:] == ["22.54", "21.90"]


def test_the_report_of_a_signal_takes_the_row_of_its_step():
    table = live()
    table.add(report(2))
    table.add(report(4))
    table.add(report(4, status="stopped"))
    assert table._columns()[0] == ["step", "2", "4"]


COLUMNS = ("column", "holds", "used as", "missing", "note")
LISTED = [
    ("name", "text, 10 different", "left out", "", "10 different texts in 10 rows, as a name or an identifier has"),
    ("price", "money ($1,234.56)", "number", "1", "missing: the mean, and marked by a column of 0 and 1"),
]


@pytest.mark.parametrize("width", [20, 40, 60, 72, 80, 100, 200])
def test_texts_of_a_table_are_broken_between_words_however_narrow(width, monkeypatch):
    terminal = narrow(monkeypatch)
    monkeypatch.setenv("COLUMNS", str(width))
    Console().listing(COLUMNS, LISTED)
    lines = taken(terminal).splitlines()
    words = {word.strip(",:;") for line in lines for word in line.split()}
    assert words >= {word.strip(",:;") for row in LISTED for cell in row for word in cell.split()}
    assert all(len(line.rstrip()) <= width for line in lines)
    assert (lines[0].split() == ["column", "holds", "used", "as", "missing", "note"]) == (width >= 72)
