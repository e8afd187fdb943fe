"""Polluted files, as in the Pollock benchmark (Vitagliano and others, VLDB 2023): a clean table, spoilt in one way.

``python -m tests.tables.polluted`` counts how they are read; with a FOLDER it leaves them there.
"""

import csv
import io
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dlcli.errors import DlcliError
from dlcli.tables.columns import ReadOptions
from dlcli.tables.readers.csv_reader import DelimitedReader
from dlcli.tables.sources import expand

NAMES = ["date", "time", "quantity", "price", "product", "country", "note", "rating"]
PRODUCTS = ["USB cable", "Lamp, desk", "Chair", 'Screen 24"', "Mouse", "O'Neill bag"]
COUNTRIES = ["France", "Spain", "Austria", "Peru"]
ROWS = 84

Table = list[list[str]]


def clean_table(rows: int = ROWS) -> Table:
    """The rows of the clean table, without its header."""
    dice = random.Random(2023)
    made = []
    for i in range(rows):
        made.append(
            [
                f"2021-{1 + i % 12:02}-{1 + i % 28:02}",
                f"{8 + i % 12:02}:{(7 * i) % 60:02}",
                str(dice.randint(1, 40)),
                f"{dice.uniform(1, 500):.2f}",
                dice.choice(PRODUCTS),
                dice.choice(COUNTRIES),
                f"order {dice.randint(1000, 9999)} for {dice.choice(('Ann', 'Bob', 'Eve'))}",
                "" if dice.random() < 0.1 else f"{dice.uniform(0, 5):.1f}",
            ]
        )
    return made


@dataclass(frozen=True)
class Polluted:
    """A file: its name and bytes, the table that a person reads in it, and the rows (from 0) that are spoilt."""

    name: str
    content: bytes
    table: Table
    names: list[str] | None = None
    spoilt: frozenset[int] = frozenset()


def written(rows: Table, delimiter: str = ",", quote: str = '"', end: str = "\n", escape: str | None = None) -> str:
    """Rows as text; a delimiter may have several characters."""
    one = delimiter if len(delimiter) == 1 else "\x1f"
    out = io.StringIO(newline="")
    writer = csv.writer(
        out, delimiter=one, quotechar=quote, lineterminator=end, escapechar=escape, doublequote=escape is None
    )
    writer.writerows(rows)
    return out.getvalue().replace("\x1f", delimiter) if one != delimiter else out.getvalue()


def whole_files() -> Iterator[Polluted]:
    """Pollutions of a whole file."""
    rows = clean_table()
    full = [NAMES, *rows]
    text = written(full)

    def file(name: str, content: str | bytes, table: Table = rows, names: list[str] | None = NAMES) -> Polluted:
        return Polluted(f"file_{name}", content if isinstance(content, bytes) else content.encode(), table, names)

    yield file("clean", text)
    yield file("no_payload", "", [])
    yield file("no_trailing_newline", text.removesuffix("\n"))
    yield file("double_trailing_newline", text + "\n")
    yield file("no_header", written(rows), names=None)
    yield file("header_only", written([NAMES]), [])
    yield file("one_data_row", written(full[:2]), rows[:1])
    yield file("two_data_rows", written(full[:3]), rows[:2])
    parts = [[name[: len(name) // 2], name[len(name) // 2 :]] for name in NAMES]
    yield file("header_multirow_2", written([[p[0] for p in parts], [p[1] for p in parts], *rows]), names=None)
    thirds = [[name[:2], name[2:4] + "x", name[3:] + "y"] for name in NAMES]
    yield file("header_multirow_3", written([*([t[i] for t in thirds] for i in range(3)), *rows]), names=None)
    yield file("header_duplicate", written([["a", "b", "a", "b", "c", "c", "d", "d"], *rows]), names=None)
    yield file("header_empty", written([["date", "time", "", "price", "", "country", "note", ""], *rows]), names=None)
    yield file("header_all_empty", written([[""] * 8, *rows]), names=None)
    yield file("header_longer", written([[*NAMES, "more"], *rows]))
    yield file("header_units", written([NAMES, ["", "h", "pcs", "(EUR)", "", "", "", "(1-5)"], *rows]))
    yield file("header_twice", written([*full[:40], NAMES, *full[40:]]))
    yield file("preamble_1", "Sales of 2021\n" + text)
    yield file("preamble_4", "Sales of 2021\nby product, country and day\n\nall prices in EUR\n" + text)
    yield file("preamble_padded", "Sales of 2021,,,,,,,\n,,,,,,,\n" + text)
    yield file("preamble_quote", 'The "sales" of 24" screens\n' + text)
    yield file("footer_source", text + "Source: the shop\n")
    yield file("footer_total", text + "Total,,1700,,,,,\n")
    yield file("footer_blank", text + "\n\nMade by the shop in 2021\n")
    yield file("footer_count", text + "(84 rows)\n")
    yield file("footer_ctrl_z", text + "\x1a")
    yield file("footer_zeros", text + "\0" * 300)
    for mark in ("#", "%", "//", "--"):
        yield file(f"comments_{ord(mark[0]):02x}", f"{mark} sales, of 2021\n{mark} second\n" + text)
        lines = text.splitlines(keepends=True)
        yield file(f"comments_between_{ord(mark[0]):02x}", "".join([*lines[:30], f"{mark} a, remark\n", *lines[30:]]))
    yield file("sep_line", "sep=;\n" + written(full, ";"))
    yield file("multitable_less", text + "\n" + written([["k", "v"], ["a", "1"], ["b", "2"]]))
    yield file("multitable_more", text + "\n" + written([[f"k{i}" for i in range(11)], [str(i) for i in range(11)]]))
    yield file("multitable_same", text + "\n" + written([NAMES, *rows[:2]]), [*rows, *rows[:2]])
    for mark in (";", "\t", " ", "|", ", ", "^", "~", "::", "||", "\x01", " | ", ":"):
        yield file(
            f"field_delimiter_{mark.encode().hex()}", written(full, mark) if mark != ", " else text_with_blanks(full)
        )
    for end in ("\r", "\r\n", "\n"):
        yield file(f"record_delimiter_{end.encode().hex()}", written(full, end=end))
    lines = text.splitlines()
    yield file("record_delimiter_mixed", "".join(line + ("\n", "\r\n", "\r")[i % 3] for i, line in enumerate(lines)))
    yield file("record_delimiter_cr_last_lf", written(full, end="\r") + "\n")
    yield file("double_spaced", text.replace("\n", "\n\n"))
    yield file("quotation_mark_27", written(full, quote="'"))
    yield file("quotation_all", quoted_all(full, '"'))
    yield file("quotation_all_27", quoted_all(full, "'"))
    yield file("escape_5c", written(full, escape="\\"))
    yield file("escape_00", written(full, escape="\0"))
    yield file("quotation_none", "\n".join(",".join(cell.replace(",", ";") for cell in row) for row in full) + "\n",
               [[cell.replace(",", ";") for cell in row] for row in rows])  # fmt: skip
    for codec in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "latin-1", "cp1252"):
        accents = [[cell.replace("France", "Françe") for cell in row] for row in rows]
        yield file(f"encoding_{codec}", written([NAMES, *accents]).encode(codec), accents)
    mixed = written(full).encode().replace(b"Spain", b"Espa\xf1a", 1)
    first = next(i for i, row in enumerate(rows) if row[5] == "Spain")
    yield file("encoding_one_byte", mixed, [[c.replace("Spain", "España") if i == first else c for c in row]
                                            for i, row in enumerate(rows)])  # fmt: skip
    yield file("bom_in_the_middle", text + "\ufeff" + text, [*rows, *rows])
    yield file("trailing_delimiters", text.replace("\n", ",\n"))
    yield file("trailing_delimiters_data", text.replace("\n", ",\n").replace(",\n", "\n", 1))
    yield file("trailing_delimiters_header", text.replace("\n", ",\n", 1))
    yield file("row_numbers_0", written([["", *NAMES], *([str(i), *row] for i, row in enumerate(rows))]))
    yield file("row_numbers_1", written([["", *NAMES], *([str(i + 1), *row] for i, row in enumerate(rows))]))
    yield file("row_names_short_header", written([NAMES, *([str(i + 1), *row] for i, row in enumerate(rows))]))
    numbers = [[row[2], row[3], str(i)] for i, row in enumerate(rows)]
    three = ["quantity", "price", "step"]
    blanks = "\n".join("".join(f"{cell:>12}" for cell in row) for row in [three, *numbers]) + "\n"
    yield file("fixed_width", blanks, numbers, three)
    yield file("one_column", written([["price"], *([row[3]] for row in rows)]), [[row[3]] for row in rows], ["price"])
    many = clean_table(3000)
    yield file("many_rows", written([NAMES, *many]), many)
    yield file("header_numbers", written([["0", "1", "2"], *numbers]), numbers, ["0", "1", "2"])
    yield file("header_years", written([["2019", "2020", "2021"], *numbers]), numbers, ["2019", "2020", "2021"])


def text_with_blanks(rows: Table) -> str:
    """Rows with a blank after each comma."""
    return "\n".join(", ".join(written([[cell]]).strip("\n") for cell in row) for row in rows) + "\n"


def quoted_all(rows: Table, quote: str) -> str:
    """Rows whose fields are all quoted."""
    out = io.StringIO(newline="")
    csv.writer(out, quotechar=quote, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    return out.getvalue()


def spoilt_rows() -> Iterator[Polluted]:
    """Pollutions of one row."""
    rows = clean_table()
    full = [NAMES, *rows]
    lines = written(full).splitlines(keepends=True)

    def row(name: str, i: int, line: str) -> Polluted:
        content = "".join([*lines[: i + 1], line, *lines[i + 2 :]])
        return Polluted(f"row_{name}", content.encode(), rows, NAMES, frozenset([i]))

    for i in (0, 30, 83):
        for j in range(8):
            cells = [written([[cell]]).strip("\n") for cell in rows[i]]
            bare = cells[j]
            if '"' not in bare:
                halves = bare[: len(bare) // 2] + "," + bare[len(bare) // 2 :]
                yield row(f"more_sep_row{i}_col{j}", i, ",".join([*cells[:j], halves, *cells[j + 1 :]]) + "\n")
            if j:
                less = [*cells[: j - 1], cells[j - 1] + cells[j], *cells[j + 1 :]]
                yield row(f"less_sep_row{i}_col{j}", i, ",".join(less) + "\n")
            yield row(f"extra_quote_row{i}_col{j}", i, ",".join([*cells[:j], '"' + bare, *cells[j + 1 :]]) + "\n")
            yield row(f"extra_quote_end_row{i}_col{j}", i, ",".join([*cells[:j], bare + '"', *cells[j + 1 :]]) + "\n")
        for mark in (";", "\t", "|", " "):
            yield row(f"field_delimiter_row{i}_{ord(mark):02x}", i, written([rows[i]], mark))
        yield row(f"empty_fields_row{i}", i, written([rows[i]]).strip("\n") + ",,\n")
        yield row(f"cut_row{i}", i, ",".join(rows[i][:3]) + "\n")


def polluted_files() -> list[Polluted]:
    """All of them."""
    return [*whole_files(), *spoilt_rows()]


def outcome(file: Polluted, folder: Path) -> str:
    """How a file is read: "right", "right but for the row", "refused", "told" (other content, but said) or "wrong"."""
    path = folder / f"{file.name}.csv"
    path.write_bytes(file.content)
    try:
        reader = DelimitedReader(expand([str(path)])[0], ReadOptions())
        names = [name for name in reader.names if name not in reader.left_out]
        frames = [frame.data for frame in reader.raw_frames(dict.fromkeys(names, "text"))]
    except DlcliError:
        return "right" if not file.table else "refused"
    found = [[cell or "" for cell in row] for frame in frames for row in frame.select(names).rows()]
    wanted = [[cell.strip() for cell in row] for row in file.table]
    found = [[cell.strip() for cell in row] for row in found]
    if found == wanted and (file.names is None or names == file.names):
        return "right"
    told = bool(reader.decisions)
    without = [row for i, row in enumerate(wanted) if i not in file.spoilt]
    if told and file.spoilt and (found == without or _differ_only(found, wanted, file.spoilt)):
        return "right but for the row"
    return "told" if told else "wrong"


def _differ_only(found: Table, wanted: Table, spoilt: frozenset[int]) -> bool:
    return len(found) == len(wanted) and all(
        row == other for i, (row, other) in enumerate(zip(found, wanted, strict=True)) if i not in spoilt
    )


def main() -> None:
    """Write the files into the folder given, or count how they are read."""
    files = polluted_files()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        found = {file.name: outcome(file, folder) for file in files}
    for name, how in found.items():
        if how not in ("right", "right but for the row"):
            print(f"{name}: {how}")
    counts = Counter(found.values())
    print(f"{len(files)} files: " + ", ".join(f"{how} {n} ({n / len(files):.1%})" for how, n in counts.most_common()))


if __name__ == "__main__":
    main()
