import codecs

import pytest

from dlcli.errors import DlcliError
from dlcli.tables.columns import ReadOptions
from dlcli.tables.readers.blocks import cut_blocks
from dlcli.tables.readers.delimited.encodings import Encoding, recognize_encoding
from dlcli.tables.readers.delimited.syntax import BLANKS
from dlcli.tables.readers.dialect import checked_delimiter, recognize


@pytest.mark.parametrize(
    ("text", "delimiter", "header", "fields"),
    [
        ("a,b,c\n1,2,3\n", ",", True, 3),
        ("a;b;c\n1,5;2,5;x\n", ";", True, 3),
        ("1,5;2,5\n3,5;4,5\n", ";", False, 2),
        ("a\tb\nx, y\t2\nz, w\t3\n", "\t", True, 2),
        ("a|b\n1|2\n", "|", True, 2),
        ("M,0.5,15\nF,0.4,7\n", ",", False, 3),
        ("2,1,?\n3,?,1\n", ",", False, 3),
        ("a,,c\n1,2,3\n", ",", True, 3),
        ('"a","b"\n"x;y","1"\n', ",", True, 2),
        ("a\n1\n2\n", ",", True, 1),
        ("\n\na,b\n1,2\n", ",", True, 2),
        ("nan,b\n1,2\n", ",", False, 2),
    ],
)
def test_recognized(text, delimiter, header, fields):
    dialect = recognize(text, ReadOptions())
    assert (dialect.delimiter, dialect.header, dialect.fields) == (delimiter, header, fields)


def test_options_go_before_what_is_recognized():
    dialect = recognize("1;2,3\n4;5,6\n", ReadOptions(delimiter=",", header=True))
    assert (dialect.delimiter, dialect.header, dialect.first) == (",", True, ("1;2", "3"))


def test_space_after_delimiters():
    assert recognize("25, Private, 7\n38, State, 9\n", ReadOptions()).skip_space
    assert not recognize("a,b\nx, y\nz,w\n", ReadOptions()).skip_space


@pytest.mark.parametrize("name", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks(name):
    start = "a,b\n".encode(name)
    found = recognize_encoding(start, None, "f")
    assert start[found.mark :].decode(found.codec) == "a,b\n"


def test_encodings():
    assert recognize_encoding(b"a,b\n", None, "f") == Encoding("utf-8")
    assert recognize_encoding(b"a,b\n", "latin-1", "f") == Encoding(codecs.lookup("latin-1").name, given=True)
    for option in ("nonsense", "base64", "a\nb"):
        with pytest.raises(DlcliError, match="no such text encoding") as caught:
            recognize_encoding(b"a,b\n", option, "f")
        assert "\n" not in caught.value.message
    with pytest.raises(DlcliError, match="zero bytes"):
        recognize_encoding(b"a\0b\0\0\0c\0\0d" * 9, None, "f")


def test_delimiter_option():
    assert [checked_delimiter(option) for option in ("tab", "\\t", ";", " ", "Whitespace")] == [
        "\t",
        "\t",
        ";",
        " ",
        BLANKS,
    ]
    for option in ("", "ab", '"', "\n", "é"):
        with pytest.raises(DlcliError, match="--delimiter"):
            checked_delimiter(option)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 100])
def test_blocks_end_with_records(size):
    text = b'a,"x\ny"\n1,2\n"p\n\n""q","\n"\nlast,one'
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    blocks = list(cut_blocks(pieces, b'"', size))
    assert b"".join(blocks) == text
    records = {b'a,"x\ny"\n', b'a,"x\ny"\n1,2\n', text[:-8], text}
    sofar = b""
    for block in blocks:
        sofar += block
        assert sofar in records


def test_a_mark_within_quoted_fields_is_no_delimiter():
    text = "los,type,codes\n" + "".join(f'{i},"type1|2",{i % 7}\n' for i in range(50))
    dialect = recognize(text, ReadOptions())
    assert (dialect.delimiter, dialect.fields) == (",", 3)
