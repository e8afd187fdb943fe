"""What the documents say: commands run, output is what they print, links lead somewhere, what is named is there."""

import contextlib
import gzip
import json
import re
import shlex
import shutil
import signal
import tomllib
from pathlib import Path

import pytest

from dlcli.cli.app import run
from tests.documented import DOCUMENTS, ROOT, TABLES, Command, blocks, fenced, make_files

# The commands are run as printed, but for these: a training as printed may take minutes, and what is tested is that its
# words are right. The last of two equal options counts.
STEPS = ("--steps", "2", "--report-every", "1")
NETWORK = ("--filters", "4", "--crop", "16", "--batch-size", "2", "--plots", "none")
RESUMED = ("--steps", "3")
SEARCH = ("--lr", "0.01", "--plots", "none")
SEARCHED = ("--steps", "1", "--crop", "16", "--batch-size", "2", "--depth", "0")
MANY_TRIALS = ("--steps", "100")
FEW_ROUNDS = ("--rounds", "2", "--local-steps", "1")
DATABASE = "postgresql://me@db/studies"
OTHER_PROGRAMS = ("source", "cp")
INSTALL = "python3 -m venv .venv && "


def cheaper(words):
    """The words that are run, and whether they are those that are printed."""
    words = [f"journal://{Path.cwd()}/studies" if word == DATABASE else word for word in words]
    if "--export" in words:  # which trains nothing
        return words, True
    if "train-deconv" not in words:
        return (words, True) if "--random" not in words else ([*words, *MANY_TRIALS], False)
    if "--minutes" in words:
        place = words.index("--minutes")
        del words[place : place + 2]
    if words[0] == "federate":
        return [*words, *FEW_ROUNDS, *NETWORK], False
    if words[0] == "tune-lr":
        place = words.index("train-deconv")
        return [*words[:place], *SEARCH, *words[place:], *SEARCHED], False
    if "--resume" in words:
        return [*words, *RESUMED], False
    return [*words, *STEPS, *(NETWORK[2:] if "--init" in words else NETWORK)], False  # filters are those of its network


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The files that the documents name, and runs for the commands that want one."""
    folder = tmp_path_factory.mktemp("documents")
    make_files(folder)
    with contextlib.chdir(folder):
        assert run(["fit-linear", "wine.csv", "--target", "quality", "--val", "0.2", "--quiet"]) == 0
        assert run(["train-deconv", "photos/", *STEPS, *NETWORK, "--out", "runs/train-deconv-002", "--quiet"]) == 0
        assert run(["tune-lr", "--quiet"]) == 0
        assert run(["fit-linear", "wine.csv", "--target", "quality", "--val", "0.2", "--l2", "0.1", "--quiet"]) == 0
    (folder / "runs").rename(folder / "prepared")
    return folder


@pytest.fixture
def place(files, tmp_path, monkeypatch):
    """A folder with those files."""
    kept = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    for entry in files.iterdir():
        if entry.name != "prepared":
            (tmp_path / entry.name).symlink_to(entry)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    yield tmp_path
    for number, handler in kept:
        signal.signal(number, handler)


@pytest.mark.filterwarnings("ignore")  # as the program does: trials diverge, and two are too few for Optuna
@pytest.mark.parametrize("block", blocks(), ids=str)
def test_commands(block, place, files, capfd):
    """Each command ends as it should, and what is shown of its output is what it prints."""
    for command in block.commands:
        if command.line.startswith("torchrun "):
            command = launched(command)
        if not command.words:
            assert_known(command.line)
            continue
        words, as_printed = cheaper(command.words)
        for word in words:
            lend(word, place, files)
        with standard_input(command.source):
            code = run(words)
        out, err = capfd.readouterr()
        refused = any(line.startswith("dlcli: --") for line in command.shown)
        assert code in ({2} if refused else {0, 3} if "--check" in words else {0}), err
        if command.reader:
            assert look_up(json.loads(out), command.reader) is not None
        exact = as_printed and (TABLES.is_dir() or not {"wine.csv", "penguins.csv"} & set(words))
        assert_shown(command.shown, (err + out).splitlines(), exact=exact)


def lend(text, place, files):
    """The runs that a text begins with, or names in quotation marks, are there."""
    for name in re.findall(r"(?:^|\")(runs/[\w-]+-\d{3})", text):
        if not (place / name).exists():
            shutil.copytree(files / "prepared" / name.removeprefix("runs/"), place / name)


def launched(command):
    """The command that torchrun would start in each of its processes; its own options are read by its own parser."""
    from torch.distributed.run import get_args_parser

    given = get_args_parser().parse_args(shlex.split(command.line, comments=True)[1:])
    assert (given.module, given.training_script) == (True, "dlcli")
    return Command(shlex.join(["dlcli", *given.training_script_args]))


def assert_known(line):
    """A line that isn't dlcli's: an installation, which CI runs, or the completion scripts, which are there."""
    if line.startswith(INSTALL):
        return
    words = line.split()
    assert words[0] in OTHER_PROGRAMS, line
    assert (ROOT / words[1]).exists(), line


@contextlib.contextmanager
def standard_input(source):
    """The output of ``zcat FILE`` on standard input."""
    if not source:
        yield
        return
    program, name = source
    assert program == "zcat"
    Path("standard-input").write_bytes(gzip.decompress(Path(name).read_bytes()))
    with open("standard-input") as stream, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", stream)
        yield


def look_up(document, reader):
    """What ``jq .a.b`` finds."""
    program, path = reader
    assert program == "jq"
    for name in path.strip(".").split("."):
        document = document[name]
    return document


def assert_shown(shown, printed, *, exact):
    """The lines shown are printed in this order: without gaps but where ``...`` stands, if ``exact``."""
    place, gap = 0, False
    for line in shown:
        if line == "...":
            gap = True
            continue
        start = place
        while place < len(printed) and not same(line, printed[place], exact=exact):
            place += 1
        assert place < len(printed), f"not printed: {line!r}\n" + "\n".join(printed[start:])
        assert gap or not exact or place == start, f"not shown: {printed[start:place]}"
        place, gap = place + 1, False
    assert not shown or gap or not exact or place == len(printed), f"not shown: {printed[place:]}"


NUMBER = r"(?<![A-Za-z_])[-+]?\d[\d,]*\.?\d*(?:e[-+]?\d+)?"


def same(shown, printed, *, exact):
    """Whether two lines are equal but for times, space and numbers (if ``exact``: all but small differences)."""
    texts = [plain(shown), plain(printed)]
    words = [re.sub(NUMBER, "#", text) for text in texts]
    if "..." in words[0]:
        return re.match(".*".join(map(re.escape, words[0].split("..."))), words[1]) is not None
    numbers = [[float(n.replace(",", "")) for n in re.findall(NUMBER, text)] for text in texts]
    return words[0] == words[1] and (not exact or numbers[0] == pytest.approx(numbers[1], rel=1e-3, abs=1e-6))


def plain(line):
    """The line without times, which differ, and what only some processors have."""
    line = re.sub(r"\b\d+m \d\ds|\b\d+\.\d+s\b", "TIME", line.replace(", bfloat16", ""))
    line = re.sub(r"((?:complete|pruned|diverged)(?:, best|, tied)?) +[\d.e-]+$", r"\1 TIME", line)
    return re.sub(r" +", " ", line).strip()


@pytest.mark.filterwarnings("ignore::dlcli.errors.DlcliWarning")
def test_python(place, files, capfd):
    """The Python that the documents show runs."""
    for document in DOCUMENTS:
        names: dict[str, object] = {}  # a document's later examples go on where the earlier ones ended
        for line, _, text in fenced(document, "python"):
            lend(text, place, files)
            exec(compile("\n" * line + text, document.name, "exec"), names)
            assert capfd.readouterr().out


def test_settings_files():
    """Every TOML that is shown can be read."""
    texts = [text for document in DOCUMENTS for _, _, text in fenced(document, "toml")]
    assert texts
    assert all(tomllib.loads(text) for text in texts)


def anchors(document):
    """The anchors that GitHub makes of a document's headings."""
    heads = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


LINKED = [*DOCUMENTS, ROOT / "CONTRIBUTING.md", ROOT / "benchmarks" / "README.md"]


@pytest.mark.parametrize("document", LINKED, ids=lambda path: path.name)
def test_links(document):
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        linked = (document.parent / name).resolve() if name else document
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


@pytest.mark.parametrize("document", LINKED, ids=lambda path: path.name)
def test_paths(document):
    """Every file of the project that is named is there."""
    named = re.findall(r"`((?:dlcli|tests|benchmarks|docs|completions)/[\w./-]*)", document.read_text())
    assert not [path for path in named if not (ROOT / path).exists()]


@pytest.mark.parametrize("document", LINKED, ids=lambda path: path.name)
def test_benchmarks(document):
    """The benchmarks' commands have the options, and the sections, that are named."""
    for script, words in re.findall(r"python (benchmarks/\w+\.py)([^`]*)`", document.read_text()):
        source = (ROOT / script).read_text()
        for option in re.findall(r"--[a-z]+", words):
            assert f'"{option}"' in source, (script, option)
        for section in re.findall(r"--section (\w+)", words):
            assert f'"{section}"' in source, (script, section)


def test_options():
    """Every option that is named is an option of a command, or of a program that is named with it."""
    from torch.distributed.run import get_args_parser

    from dlcli.cli.completions import commands

    known = {flag for command in commands() for option in command.options for flag in option.flags}
    known |= set(get_args_parser()._option_string_actions)  # torchrun's
    known |= {"--nodes", "--ntasks-per-node", "--cpus-per-task"}  # Slurm's
    known |= {"--version", "--index-url", "--section", "--rounds", "--seeds", "--before", "--quick"}
    for document in DOCUMENTS:
        named = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", document.read_text()))
        assert named <= known, (document.name, named - known)


ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()


def test_every_room_is_on_the_map():
    rooms = {path.parent.relative_to(ROOT).as_posix() for path in (ROOT / "dlcli").rglob("__init__.py")} - {"dlcli"}
    named = set(re.findall(r"^\| `(dlcli/[\w/]+)/` \|", ARCHITECTURE, re.M))
    assert rooms == named


def test_the_map_has_the_order_of_imports():
    found = re.search(r"^```text\n(dlcli\.cli\b.*?)^```$", ARCHITECTURE, re.M | re.S)
    assert found
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert found[1].splitlines() in [contract.get("layers") for contract in contracts]


def test_fields_of_reports_are_those_of_the_schema():
    text = (ROOT / "docs" / "reports-and-files.md").read_text()
    tables = text[text.index("\n## The report\n") : text.index("\n## Config files\n")]
    named = {name for row in re.findall(r"^\| (`.*?) \|", tables, re.M) for name in re.findall(r"`(\w+)`", row)}
    schema = json.loads((ROOT / "docs" / "report.schema.json").read_text())
    known = {name for part in schema["$defs"].values() for name in part.get("properties", {})}
    assert named
    assert named <= known
