import datetime
import sys
import zipfile

import pytest

from dlcli.errors import DlcliError
from dlcli.tables.columns import ReadOptions
from dlcli.tables.conversions.convert import converted
from dlcli.tables.sources import expand

xlsxwriter = pytest.importorskip("xlsxwriter")
pytest.importorskip("fastexcel")

HEADER, ROWS = ["x", "b", "when", "n", "text"], [[1 / 3, True, datetime.date(2024, 2, 3), 2**53, 'a "q", b\nc'],
                                                 [-1e-300, False, datetime.date(2024, 2, 4), "007", None]]  # fmt: skip
CSV = """x,b,when,n,text
0.3333333333333333,true,2024-02-03,9007199254740992,"a ""q"", b
c"
-1e-300,false,2024-02-04,007,
"""


def workbook(path, **sheets):
    with xlsxwriter.Workbook(str(path), {"default_date_format": "yyyy-mm-dd"}) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for i, row in enumerate(rows):
                for j, value in enumerate(row):
                    if value is not None:
                        sheet.write(i, j, value)
    return path


def read(path, **options):
    source = converted(expand([str(path)])[0], ReadOptions(**options))
    return source.path.read_text(), [one.what for one in source.decisions]


def test_cells_as_csv_has_them(tmp_path):
    text, decisions = read(workbook(tmp_path / "a.xlsx", Data=[HEADER, *ROWS]))
    assert text.replace(" 00:00:00", "") == CSV
    assert decisions == []


def test_the_first_sheet_with_a_table_is_read_and_said(tmp_path):
    path = workbook(
        tmp_path / "a.xlsx", Empty=[], Note=[["only a title"]], Data=[["x", "y"], [1, 2]], Other=[[1, 2], [3, 4]]
    )
    text, decisions = read(path)
    assert text == "x,y\n1,2\n"
    assert len(decisions) == 1
    assert "'Data'" in decisions[0]
    assert "Other" in decisions[0]
    assert read(path, sheet="Other") == ("1,2\n3,4\n", [])
    assert read(path, sheet="4") == ("1,2\n3,4\n", [])
    with pytest.raises(DlcliError, match="no such sheet") as caught:
        read(path, sheet="Dta")
    assert "Data" in caught.value.hint


def test_a_hidden_sheet_is_read_only_when_it_is_named(tmp_path):
    with xlsxwriter.Workbook(str(tmp_path / "a.xlsx")) as book:
        for name in ("Lists", "Data"):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, [name, "y"])
            sheet.write_row(1, 0, [1, 2])
        book.get_worksheet_by_name("Data").activate()
        book.get_worksheet_by_name("Lists").hide()
    assert read(tmp_path / "a.xlsx") == ("Data,y\n1,2\n", [])
    assert read(tmp_path / "a.xlsx", sheet="Lists") == ("Lists,y\n1,2\n", [])


ODS = """<?xml version="1.0" encoding="UTF-8"?>
<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
 office:version="1.2"><office:body><office:spreadsheet><table:table table:name="Data">
<table:table-row>{names}</table:table-row><table:table-row>{values}</table:table-row>
</table:table></office:spreadsheet></office:body></office:document-content>"""


def test_open_document(tmp_path):
    cell = '<table:table-cell office:value-type="{}">{}</table:table-cell>'.format
    names = "".join(cell("string", f"<text:p>{name}</text:p>") for name in "xy")
    values = "".join(cell(f'float" office:value="{v}', f"<text:p>{v}</text:p>") for v in (0.25, 3))
    with zipfile.ZipFile(tmp_path / "a.ods", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", ODS.format(names=names, values=values))
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
    assert read(tmp_path / "a.ods") == ("x,y\n0.25,3\n", [])


def test_titles_above_the_table_and_what_is_empty_are_left_out(tmp_path):
    rows = [["Sales 2024"], [], [None, "in EUR"], [None, "x", "y", "z"], [None, 1, 2, 3], [], [None, 4, None, 6]]
    path = workbook(tmp_path / "a.xlsx", S=rows)
    text, decisions = read(path)
    assert text == "x,y,z\n1,2,3\n4,,6\n"
    assert "above the table" in decisions[0]
    assert read(path, skip=0)[0].startswith("Sales 2024,")


def test_damaged_and_empty_workbooks_are_refused(tmp_path):
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04hello")
    with pytest.raises(DlcliError, match="cannot be read as a workbook"):
        read(tmp_path / "a.xlsx")
    with pytest.raises(DlcliError, match="no sheet holds a table"):
        read(workbook(tmp_path / "b.xlsx", S=[["title"]]))
    (tmp_path / "c.csv").write_text("x,y\n1,2\n")
    with pytest.raises(DlcliError, match="is no workbook"):
        read(tmp_path / "c.csv", sheet="S")


def test_without_fastexcel_the_command_that_installs_it_is_named(tmp_path, monkeypatch):
    path = workbook(tmp_path / "a.xlsx", S=[HEADER, *ROWS])
    monkeypatch.setitem(sys.modules, "fastexcel", None)
    with pytest.raises(DlcliError, match="fastexcel") as caught:
        read(path)
    assert "pip install 'dlcli[excel]'" in caught.value.hint
