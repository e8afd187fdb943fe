"""Each way in which tables of text are laid out, and that any clean table reads alike in all of them."""

import gzip
import shlex

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlcli.errors import DlcliError
from dlcli.tables.columns import ReadOptions
from dlcli.tables.decisions import settled_by
from dlcli.tables.readers.csv_reader import DelimitedReader
from dlcli.tables.readers.delimited import footer
from dlcli.tables.readers.jsonl_reader import JsonLinesReader
from dlcli.tables.sources import expand
from tests.tables.polluted import clean_table, polluted_files, text_with_blanks, written
from tests.thinning.examples import examples

NUMBERS = [(1.5, 20), (2.25, 31), (-3.0, 47), (4.5, 52), (0.5, 66), (6.0, 71), (7.5, 80), (8.25, 93)]
ROWS = [[str(a), str(b)] for a, b in NUMBERS]
BODY = "".join(f"{a},{b}\n" for a, b in ROWS)
FAR = "".join(f"n{i}{200 * 'x'},{i}\n" for i in range(45_000))  # more than is read at opening


class Read:
    """What a reader finds: names (without the columns left out), rows of texts, and what it says."""

    def __init__(self, folder, content, name="t.csv", size=1 << 24, **options):
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        reader = DelimitedReader(expand([str(path)])[0], ReadOptions(**options), size)
        self.at_opening = list(reader.decisions)
        self.names = [name for name in reader.names if name not in reader.left_out]
        frames = list(reader.raw_frames(dict.fromkeys(self.names, "text")))
        self.rows = [[cell or "" for cell in row] for frame in frames for row in frame.data.rows()]
        self.told = [decision.what.removeprefix(f"{path}: ").removeprefix(f"{path} ") for decision in reader.decisions]
        self.settle = settled_by(reader.decisions)
        assert all(decision.settle for decision in reader.decisions)
        self.warnings = reader.warnings


def settling(words):
    """The options of a reader that the words of a command line are."""
    parts = iter(shlex.split(words))
    options = {}
    for word in parts:
        if word in ("--header", "--no-header"):
            options["header"] = word == "--header"
        elif word == "--drop":
            options["drop"] = (*options.get("drop", ()), next(parts))
        else:
            value = next(parts)
            options[word.removeprefix("--")] = int(value) if word == "--skip" else value
    return ReadOptions(**options)


# Headers


@pytest.mark.parametrize(
    ("header", "rows", "names"),
    [
        ("1990,2000", ROWS, ["1990", "2000"]),
        ("2000,1990", ROWS, ["2000", "1990"]),
        ("0,1", [[a, f"{b}.5"] for a, b in ROWS], ["0", "1"]),
        ("0,1,2", [[*row, "x"] for row in ROWS], None),
        ("0,1,2", [[*row, "5"] for row in ROWS], ["0", "1", "2"]),
        ("400,402,404,406", [[*row, *row] for row in ROWS], ["400", "402", "404", "406"]),
        ("y,400,402,404,406", [["3", *row, *row] for row in ROWS], ["y", "400", "402", "404", "406"]),
        ("x,5", ROWS, ["x", "5"]),
        ("x,y", ROWS, ["x", "y"]),
        ('"x, y",y', ROWS, ["x, y", "y"]),
    ],
)
def test_header(tmp_path, header, rows, names):
    read = Read(tmp_path, header + "\n" + written(rows))
    if names is None:
        names, rows = ["column_1", "column_2", "column_3"], [header.split(","), *rows]
    assert read.names == names
    assert read.rows == rows


@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        [[str(1900 + i), str(i)] for i in range(9)],
        [[str(1900 + i), str(1950 + i)] for i in range(9)],
        [[str(i), str(i + 1), str(i + 2)] for i in range(9)],
        [["M", "0.5"], ["F", "0.25"], ["M", "0.75"]],
        [["?", "1"], ["2", "2"], ["3", "3"]],
        [[a, b, c] for a in "xy" for b in "uv" for c in ("yes", "no")],
        [["2020-01-05", "3"], ["2020-01-06", "4"], ["2020-01-07", "1"]],
    ],
    ids=str,
)
def test_no_header(tmp_path, rows):
    read = Read(tmp_path, written(rows))
    assert read.rows == rows
    assert read.names == [f"column_{i + 1}" for i in range(len(rows[0]))]


def test_text_over_text(tmp_path):
    rows = [[a, b] for a in ("north", "south") for b in ("red", "blue", "red")] * 2
    read = Read(tmp_path, written([["region", "color"], *rows]))
    assert (read.names, read.rows, read.told) == (["region", "color"], rows, [])
    read = Read(tmp_path, written(rows))
    assert read.rows == rows
    assert read.told == ["the first row is data, not names: 2 of its values occur again in their columns"]
    assert read.settle == "--no-header"
    read = Read(tmp_path, "a,b\nx,z\ny,w\n")
    assert read.settle == "--header"
    assert Read(tmp_path, "a,b\nx,z\ny,w\n", header=True).told == []


def test_units_and_types(tmp_path):
    for second in ("kg,m", "(kg),(m/s)", "float,int", ",cm", "%,°C"):
        read = Read(tmp_path, f"mass,size\n{second}\n{BODY}")
        assert (read.names, read.rows) == (["mass", "size"], ROWS), second
        assert "units or types" in read.told[0]


def test_several_rows_of_names(tmp_path):
    read = Read(tmp_path, "first,second\nmass,size\n" + BODY)
    assert (read.names, read.rows) == (["mass", "size"], ROWS)
    assert "2 rows of names, of which the last is taken" in read.told[0]
    wide = "".join(f"{a},{b},{b},{a}\n" for a, b in ROWS)
    read = Read(tmp_path, "before,,after,\nmass,size,mass,size\n" + wide)
    assert read.names == ["before mass", "before size", "after mass", "after size"]
    assert "joined" in read.told[0]


def test_uneven_rows_mended_or_refused_as_told(tmp_path):
    text = "mass,size\nkg,m\n" + BODY + "5\nSource: the office\n"
    read = Read(tmp_path, text)
    assert (len(read.told), read.settle, read.warnings) == (3, "--uneven mend", [])
    mended = Read(tmp_path, text, uneven="mend")
    assert (mended.rows, mended.told, len(mended.warnings)) == (read.rows, [], 3)
    for line in ("", "5\n", "Source: the office\n"):
        with pytest.raises(DlcliError, match=r"left out|missing values") as caught:
            Read(tmp_path, ("mass,size\nkg,m\n" if not line else "mass,size\n") + BODY + line, uneven="error")
        assert "--uneven mend" in caught.value.hint
    assert Read(tmp_path, "mass,size\n" + BODY, uneven="error").rows == ROWS


# Around the table


@pytest.mark.parametrize(
    ("before", "settle"),
    [
        ("Sales of 2021\n", "--skip 1"),
        ("Sales of 2021\n\nin euros\n\n", "--skip 4"),
        ("Sales, by region\nUnits: euros\n", "--skip 2"),
        ('An "odd" line of 5"\n', "--skip 1"),
        ("# first, second\n# third\n", "--comment '#'"),
        ("% first\n", "--comment %"),
        ("// first\n", "--comment //"),
        ("-- first\n", "--comment --"),
        ("Title\n# first\n", "--comment '#' --skip 2"),
    ],
)
def test_lines_before_the_table(tmp_path, before, settle):
    text = before + "mass,size\n" + BODY
    read = Read(tmp_path, text)
    assert (read.names, read.rows, read.settle) == (["mass", "size"], ROWS, settle)
    again = DelimitedReader(expand([str(tmp_path / "t.csv")])[0], settling(settle))
    assert again.names == read.names
    assert again.decisions == []


def test_comments_between_and_after_rows(tmp_path):
    lines = BODY.splitlines(keepends=True)
    text = "# about\nmass,size\n" + "".join([*lines[:3], "# remark, of two parts, or three\n", *lines[3:], "# end"])
    for size in (5, 1 << 20):
        assert Read(tmp_path, text, size=size).rows == ROWS
    assert Read(tmp_path, text.replace("#", ";;"), comment=";;").rows == ROWS
    rows = [["#1", "5"], ["#2", "6"], ["#3", "7"]]
    assert Read(tmp_path, written([["rank", "size"], *rows])).rows == rows


def test_names_in_a_comment(tmp_path):
    read = Read(tmp_path, "# made by numpy\n# mass size\n" + BODY.replace(",", " "))
    assert (read.names, read.rows) == (["mass", "size"], ROWS)
    assert read.settle == "--comment '#'"
    assert Read(tmp_path, "#,size\n" + BODY).names == ["#", "size"]


def test_line_of_excel(tmp_path):
    for mark in ";,\t|":
        read = Read(tmp_path, f"sep={mark}\nmass{mark}size\n" + BODY.replace(",", mark))
        assert (read.names, read.rows, read.told) == (["mass", "size"], ROWS, [])


@pytest.mark.parametrize(
    "after",
    [
        "Source: the office\n",
        "Total,331\n",
        "\n\nmade by the office\n",
        "(8 rows)\n",
        "* estimates\nNote: old\n",
        ",\n",
    ],
)
def test_lines_below_the_table(tmp_path, after):
    for size in (7, 1 << 20):
        read = Read(tmp_path, "mass,size\n" + BODY + after, size=size)
        assert [row for row in read.rows if any(row)] == ROWS
        assert len(read.told) == (after != ",\n")


@pytest.mark.parametrize("filling", [b"\x1a", b"\0" * 5000, b"\n\x1a\n", b"\n\n\n"])
def test_filling_at_the_end(tmp_path, filling):
    read = Read(tmp_path, b"mass,size\n" + BODY.encode() + filling)
    assert (read.rows, read.told) == (ROWS, [])


def test_skip_says_where_the_table_begins(tmp_path):
    text = "a,b\n1,2\nmass,size\n" + BODY
    assert Read(tmp_path, text, skip=2).names == ["mass", "size"]
    assert Read(tmp_path, text, skip=2).rows == ROWS
    assert Read(tmp_path, "Title\n" + BODY, skip=1, header=False).rows == ROWS
    with pytest.raises(DlcliError, match="no rows"):
        Read(tmp_path, text, skip=50)


# Columns that are none


def test_trailing_delimiters(tmp_path):
    text = "mass,size\n" + BODY
    for content in (
        text.replace("\n", ",\n"),
        text.replace("\n", ",\n").replace(",\n", "\n", 1),
        text.replace("\n", ",\n", 1),
    ):
        read = Read(tmp_path, content)
        assert (read.names, read.rows) == (["mass", "size"], ROWS)
    read = Read(tmp_path, ("mass,size\n" + 20 * BODY).replace("\n", ",\n") + "9,9,9\n8,8\n")
    assert read.rows == [*20 * ROWS, ["8", "8"]]
    assert read.told == ["1 row with too many fields (row 161) is left out"]
    assert any("ends with a delimiter" in line for line in read.warnings)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("name", [",", '"",', "Unnamed: 0,", ""])
def test_row_numbers(tmp_path, first, name):
    body = "".join(f"{i + first},{line}\n" for i, line in enumerate(BODY.splitlines()))
    read = Read(tmp_path, f"{name}mass,size\n{body}")
    assert (read.names, read.rows) == (["mass", "size"], ROWS)
    assert "the first column is left out" in read.told[0]
    kept = Read(tmp_path, f"{name}mass,size\n{body}", drop=(shlex.split(read.settle)[1],))
    assert (len(kept.names), kept.told) == (3, [])


def test_columns_that_are_no_row_numbers(tmp_path):
    assert Read(tmp_path, "id,x\n1,2\n2,5\n3,7\n").names == ["id", "x"]
    assert Read(tmp_path, ",x\n5,2\n2,5\n3,7\n").names == ["column_1", "x"]


def test_table_of_r(tmp_path):
    body = "".join(f'"Car {i}" {line}\n' for i, line in enumerate(BODY.replace(",", " ").splitlines()))
    read = Read(tmp_path, '"mass" "size"\n' + body, "t.txt")
    assert (read.names, read.rows) == (["mass", "size"], ROWS)


# Delimiters, quotes, line ends


@pytest.mark.parametrize("mark", [";", "\t", "|", "^", "~", "\x01", "::", "||", ", ", " | ", " ", "    "])
def test_delimiters(tmp_path, mark):
    rows = clean_table(30)
    if mark == "    ":
        rows = [row[2:4] for row in rows]
    names = [f"n{i}" for i in range(len(rows[0]))]
    text = text_with_blanks([names, *rows]) if mark == ", " else written([names, *rows], mark)
    read = Read(tmp_path, text)
    assert read.names == names
    assert read.rows == rows


def test_blanks_of_any_number(tmp_path):
    text = "  mass   size\n" + "".join(f"{a:>7}\t  {b:>9}  \n" for a, b in ROWS)
    for options in ({}, {"delimiter": "whitespace"}):
        for size in (9, 1 << 20):
            read = Read(tmp_path, text, size=size, **options)
            assert (read.names, read.rows) == (["mass", "size"], ROWS)
    words = Read(tmp_path, "city\nNew York\nSan Jose\nRome\nNew York\n")
    assert words.rows == [["New York"], ["San Jose"], ["Rome"], ["New York"]]
    assert Read(tmp_path, "amount\n1 234\n5 678\n9 012\n").rows == [["1 234"], ["5 678"], ["9 012"]]


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n\n"])
def test_line_ends(tmp_path, end):
    text = "mass,size\n" + BODY
    assert Read(tmp_path, text.replace("\n", end)).rows == ROWS
    assert Read(tmp_path, text.replace("\n", end) + "\n").rows == ROWS
    mixed = "".join(line + (end, "\n")[i % 2] for i, line in enumerate(text.splitlines()))
    for size in (5, 1 << 20):
        assert Read(tmp_path, mixed, size=size).rows == ROWS


def test_quotes_out_of_place(tmp_path):
    def rows(*lines):
        return Read(tmp_path, "name,size\n" + "".join(f"n{i},{i}\n" for i in range(20)) + "\n".join(lines) + "\n")

    for line, row in (
        ('"open,5', ["open", "5"]),
        ('a "quoted" word,5', ['a "quoted" word', "5"]),
        ('"said "yes" to it",5', ['said "yes" to it', "5"]),
        ('24",5', ['24"', "5"]),
        ('x,"5', ["x", "5"]),
        ('x,5"', ["x", "5"]),
    ):
        read = rows(line, '"p, q",6', '"two\nlines",7')
        assert read.rows[20:] == [row, ["p, q", "6"], ["two\nlines", "7"]], line
        assert len(read.told) == 1
        assert "quotation mark" in read.told[0]


def test_a_quotation_mark_that_is_not_closed_swallows_no_rows(tmp_path):
    rows = [[f"n{i}", str(i)] for i in range(20)]
    text = "name,size\n" + written(rows[:5]) + '"open,7\n' + written(rows[5:10]) + 'close",8\n' + written(rows[10:])
    for size in (9, 200, 1 << 20):
        read = Read(tmp_path, text, size=size)
        assert read.rows == [*rows[:5], ["open", "7"], *rows[5:10], ['close"', "8"], *rows[10:]]
        reader = DelimitedReader(expand([str(tmp_path / "t.csv")])[0], ReadOptions(), size)
        assert sum(frame.data.height for frame in reader.raw_frames({"size": "number"})) == 22
    lines = [["first\nof two, lines\nor three", "1"], ["b", "2"], ["c\n\nd", "3"]]
    assert Read(tmp_path, written([["name", "size"], *lines])).rows == lines


def test_apostrophes(tmp_path):
    rows = [["a,b", "1"], ["c", "2"], ["d, e", "3"]]
    assert Read(tmp_path, "'name','size'\n'a,b','1'\n'c','2'\n'd, e','3'\n").rows == rows
    assert Read(tmp_path, "name,size\nO'Neill,1\n'tis,2\nrock 'n' roll,3\n").rows[0] == ["O'Neill", "1"]


# Encodings


def test_cp1252_is_told(tmp_path):
    text = "name,size\ncafé,1\nnaïve,2\n"
    read = Read(tmp_path, text.encode("cp1252"))
    assert read.rows == [["café", "1"], ["naïve", "2"]]
    assert read.settle == "--encoding cp1252"
    assert Read(tmp_path, text.encode("cp1252"), encoding="cp1252").told == []
    with pytest.raises(DlcliError, match="not UTF-8"):
        Read(tmp_path, text.encode("cp1252"), encoding="utf-8")


def test_a_byte_far_down(tmp_path):
    body = FAR.encode()
    read = Read(tmp_path, b"name,size\n" + body + b"caf\xe9,1\n", size=1 << 20)
    assert read.at_opening == []
    assert read.rows[-1] == ["café", "1"]
    assert read.told == ["row 45,001 is not UTF-8 text (byte 0xe9): read as cp1252"]


def test_json_lines_in_cp1252(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_bytes('{"name": "café", "size": 1}\n{"name": "naïve", "size": 2}\n'.encode("cp1252"))
    reader = JsonLinesReader(expand([str(path)])[0], ReadOptions())
    assert reader.sample(["name"]).to_series().to_list() == ["café", "naïve"]
    assert settled_by(reader.decisions) == "--encoding cp1252"
    assert JsonLinesReader(expand([str(path)])[0], ReadOptions(encoding="cp1252")).decisions == []


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark(tmp_path, codec):
    read = Read(tmp_path, ("name,size\n" + BODY).encode(codec))
    assert read.rows == ROWS
    assert read.settle == f"--encoding {codec}"


def test_what_is_no_text(tmp_path):
    for content in (bytes(range(256)) * 40, b"\x7fELF\x02\x01\x01\0\0\0" * 50):
        with pytest.raises(DlcliError, match="is not text"):
            Read(tmp_path, content)


# Uneven rows


def test_uneven_rows(tmp_path):
    good = [[f"t{i % 3}", str(i), f"{i}.5"] for i in range(100)]
    lines = ["name,x,y", *(",".join(row) for row in good)]
    lines[10] = "t0,9"  # too short
    lines[20] = "t1,19,19.5,,"  # empty surplus
    lines[30] = "t2,29,29.5,surplus"
    lines[40] = "t0,,39,39.5"  # an empty field too many
    lines[50] = "t1"
    lines[60] = "oops,words"  # no number where one should be
    lines[70] = "t0;69;69.5"
    wanted = [list(row) for row in good]
    wanted[9] = ["t0", "9", ""]
    wanted[49] = ["t1", "", ""]
    del wanted[59], wanted[29]
    for size in (9, 300, 1 << 20):
        read = Read(tmp_path, "\n".join(lines) + "\n", size=size)
        assert read.rows == wanted
        assert read.told == [
            "2 rows with too few fields (rows 10, 50) have missing values at their end",
            "1 row with too many fields (row 30) is left out",
            "1 row with too few fields, which don't fit the columns (row 60), is left out",
            "1 row with surplus delimiters at its end (row 20) is read without them",
            "1 row with an empty field too many (row 40) is read without it",
            "1 row with another delimiter than the rest (row 70) is split at that",
        ]
        assert len(read.at_opening) == len(read.told)


def test_many_uneven_rows_are_refused(tmp_path):
    lines = [f"{i},{i}" if i % 10 else f"{i},{i},{i}" for i in range(1, 100)]
    with pytest.raises(
        DlcliError, match=r"9 of 99 rows have another number of fields .* row 10 has 3 fields, expected 2"
    ):
        Read(tmp_path, "a,b\n" + "\n".join(lines) + "\n")


def test_header_that_occurs_again(tmp_path):
    text = "mass,size\n" + BODY
    for content in (text + text, text + "\ufeff" + text):
        for size in (9, 1 << 20):
            read = Read(tmp_path, content, size=size)
            assert read.rows == ROWS + ROWS
            assert read.told == ["the header occurs again in 1 row (row 9), which is left out"]


def test_uneven_rows_below_the_first_megabytes_are_told_after_the_pass(tmp_path):
    body = FAR + "short\n"
    read = Read(tmp_path, "name,size\n" + body + "".join(f"m{i},{i}\n" for i in range(50)))
    assert read.at_opening == []
    assert read.told == ["1 row with too few fields (row 45,001) has missing values at its end"]


# Properties

TEXTS = (
    st.text(st.sampled_from("abcdeé xyz"), min_size=1, max_size=8)
    .map(str.strip)
    .filter(lambda text: text not in ("", "NA") and text[0].isalpha())
)
TABLES = st.lists(st.tuples(TEXTS, st.integers(-999, 9999), st.floats(0.01, 99.0).map(lambda x: f"{x:.3f}")),
                  min_size=6, max_size=20)  # fmt: skip
LAYOUTS = {
    "plain": lambda rows: written(rows),
    "semicolons": lambda rows: written(rows, ";"),
    "tabs": lambda rows: written(rows, "\t"),
    "colons": lambda rows: written(rows, "::"),
    "pipes": lambda rows: written(rows, " | "),
    "crlf": lambda rows: written(rows, end="\r\n"),
    "cr": lambda rows: written(rows, end="\r"),
    "title": lambda rows: "All of it\n\n" + written(rows),
    "comments": lambda rows: "# all\n# of it\n" + written(rows),
    "sep": lambda rows: "sep=;\n" + written(rows, ";"),
    "source": lambda rows: written(rows) + "Source: all of it\n",
    "control z": lambda rows: written(rows) + "\x1a",
    "utf-16": lambda rows: written(rows).encode("utf-16"),
    "cp1252": lambda rows: written(rows).encode("cp1252"),
    "trailing": lambda rows: written(rows).replace("\n", ",\n"),
    "blanks": lambda rows: "\n".join("  ".join(f'"{cell}"' for cell in row) for row in rows) + "\n",
    "row numbers": lambda rows: written([["", *rows[0]], *([str(i), *row] for i, row in enumerate(rows[1:]))]),
    "blank lines": lambda rows: written(rows).replace("\n", "\n\n"),
}


@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=TABLES, layout=st.sampled_from(sorted(LAYOUTS)), size=st.integers(10, 400))
def test_a_clean_table_reads_alike_in_every_layout(tmp_path, table, layout, size):
    rows = [[str(cell) for cell in row] for row in table]
    content = LAYOUTS[layout]([["name", "count", "share"], *rows])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(footer, "LAST_LINES", 2)
        read = Read(tmp_path, content, size=size)
    assert (read.names, read.rows) == (["name", "count", "share"], rows)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gz", "zst"])
def test_compressed(tmp_path, pack):
    read = Read(tmp_path, pack(("Title\n\nmass;size\r\n" + BODY.replace(",", ";")).encode()))
    assert (read.names, read.rows) == (["mass", "size"], ROWS)


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spoilt")
    refused = ("file_no_payload", "file_field_delimiter_3a")
    return folder, [file for file in polluted_files() if file.name not in refused]


@pytest.mark.thinned(1)
@pytest.mark.parametrize("size", [40, 900])
def test_blocks_make_no_difference(spoilt, size):
    folder, files = spoilt
    for file in files[::2]:
        whole, cut = Read(folder, file.content), Read(folder, file.content, size=size)
        assert (cut.names, cut.rows, cut.told) == (whole.names, whole.rows, whole.told), file.name


def test_every_settling_option_settles(spoilt):
    folder, files = spoilt
    for file in files:
        read = Read(folder, file.content)
        if read.settle:
            again = DelimitedReader(expand([str(folder / "t.csv")])[0], settling(read.settle))
            frames = list(again.raw_frames(dict.fromkeys(read.names, "text")))
            assert [[cell or "" for cell in row] for frame in frames for row in frame.data.rows()] == read.rows, (
                file.name
            )
            assert again.decisions == [], file.name
