"""Recognizing how a delimited file is laid out: delimiter and quotes, the lines before the table, its header."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from dlcli.errors import DlcliError
from dlcli.tables.columns import ReadOptions
from dlcli.tables.decisions import Decision
from dlcli.tables.names import positional
from dlcli.tables.readers.delimited import around
from dlcli.tables.readers.delimited.cells import column_kinds, kind_of
from dlcli.tables.readers.delimited.delimiters import Split, best_split
from dlcli.tables.readers.delimited.header import Verdict, is_row_numbers, judge_header, read_header
from dlcli.tables.readers.delimited.syntax import BLANKS, Syntax
from dlcli.tables.readers.delimited.uneven import MEND
from dlcli.text import counted, listed, printable, quoted

NAMED_DELIMITERS = {
    "tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " ",
    "whitespace": BLANKS, "blanks": BLANKS,
}  # fmt: skip


@dataclass
class Dialect:
    """How a file is laid out.

    ``first`` are the fields of its first row, the names where that is a ``header``; ``fields`` is the number of fields
    in every row, ``kinds`` what its columns hold ("number", "text", ...). The data begin after ``skip`` lines and then
    ``before`` lines that don't begin with ``comment`` ("" for none). With ``empty_last`` the last field of every row is
    empty and no column; with ``row_names`` the first one is the row's name.
    """

    syntax: Syntax
    header: bool
    first: tuple[str, ...]
    fields: int
    kinds: tuple[str, ...] = ()
    skip: int = 0
    before: int = 0
    comment: str = ""
    empty_last: bool = False
    row_names: str = ""
    decisions: list[Decision] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def delimiter(self) -> str:
        """What stands between fields."""
        return self.syntax.delimiter

    @property
    def skip_space(self) -> bool:
        """Whether blanks after a delimiter don't count."""
        return self.syntax.skip_space

    def decide(self, what: str, settle: str = "") -> None:
        """Record a decision."""
        self.decisions.append(Decision(what, settle))


def checked_delimiter(option: str) -> str:
    """The delimiter that the user means by ``option``; raises DlcliError if it is none."""
    delimiter = NAMED_DELIMITERS.get(option.lower(), option)
    if delimiter != BLANKS and (len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\0'):
        hint = "use for example --delimiter ';', --delimiter tab or --delimiter whitespace"
        raise DlcliError(f"--delimiter '{printable(option)}' is not one ASCII character", hint)
    return delimiter


def recognize(head: str, options: ReadOptions, extension: str = "") -> Dialect:
    """The dialect of the file that begins with the complete lines ``head``, whose line ends are newlines."""
    lines = head.removesuffix("\n").split("\n")
    skip = options.skip or 0
    comment = options.comment if options.comment is not None else around.guess_comment(lines[skip:])
    sample = around.sample_lines(lines, skip, comment)
    while sample and not sample[0].text.strip():
        sample.pop(0)
    delimiter = None if options.delimiter is None else checked_delimiter(options.delimiter)
    named = around.excel_delimiter(sample[0].text) if sample else ""
    if named:
        sample.pop(0)
        delimiter = delimiter or named
    if not sample:
        return Dialect(Syntax(delimiter or ","), True, (), 0, skip=skip, comment=comment)
    split = best_split([line.text for line in sample], delimiter, extension)
    return _Layout(split, sample, options, lines, comment).dialect()


class _Layout:
    """Finds where the table of a split text begins, and what its first rows are."""

    def __init__(
        self, split: Split, sample: Sequence[around.Line], options: ReadOptions, lines: Sequence[str], comment: str
    ) -> None:
        self._split, self._sample, self._options, self._lines = split, sample, options, lines
        self._rows = [record.row.fields for record in split.records]
        self._start = 0 if options.skip is not None else around.table_start(split)
        self._made = Dialect(split.syntax, True, (), split.fields, skip=options.skip or 0, comment=comment)
        self._top = self._start  # the record in which the table begins

    def dialect(self) -> Dialect:
        """The dialect; what was doubtful is in its decisions."""
        made, rows = self._made, self._rows
        if self._options.skip is not None and len(rows) > 1:
            # The user has said where the table begins: the header may be one short.
            self._start = int(len(rows[0]) != made.fields and len(rows[1]) == made.fields)
        self._take_uneven_first_rows()
        self._lay_out()
        self._say_comments()
        self._say_before()
        data = [row for row in self._rows[self._data :] if len(row) == made.fields]
        made.kinds = tuple(column_kinds(data, made.fields))
        self._find_row_numbers(data)
        made.before = self._line_of(self._data)
        return made

    def _line_of(self, record: int) -> int:
        """The number of lines, comments not counted, before a record (all of them behind the last)."""
        skipped = self._made.skip
        comment = self._made.comment
        records = self._split.records
        if record < len(records):
            last = self._sample[records[record].line].number
        else:
            last = len(self._lines)
        return sum(not (comment and line.startswith(comment)) for line in self._lines[skipped:last])

    def _take_uneven_first_rows(self) -> None:
        """Move the start up to rows that are data but have a field too many or too few."""
        rows, fields = self._rows, self._made.fields
        fitting = [row for row in rows[self._start :] if len(row) == fields]
        if not self._start or not fitting or judge_header(fitting[0], fitting[1:]).header:
            return
        numbers = column_kinds(fitting, fields).count("number")
        while self._start and abs(len(rows[self._start - 1]) - fields) <= 2 < fields:
            if 2 * sum(kind_of(cell) == "number" for cell in rows[self._start - 1]) < numbers or not numbers:
                break
            self._start -= 1
        self._top = min(self._top, self._start)

    def _lay_out(self) -> None:
        """Find the header and the first row of data."""
        made, rows, start = self._made, self._rows, self._start
        fitting = [row for row in rows[start:] if len(row) == made.fields]
        made.empty_last = made.fields > 1 and bool(fitting) and not any(row[-1].strip() for row in fitting)
        self._data = start
        option = self._options.header
        names = around.commented_names(self._lines, made.comment, self._sample[self._split.records[start].line].number,
                                       self._split) if made.comment and option is None else []  # fmt: skip
        if names:
            made.first = tuple(names)
            if self._options.comment is None:
                shown = f"the last comment line before the table holds the names ({_shown(names)})"
                made.decide(shown, f"--comment {quoted(made.comment)}")
            return
        verdict = judge_header(fitting[0], fitting[1:]) if fitting else Verdict(True)
        above = rows[start - 1] if start else []
        if option is not False and not verdict.header and self._is_uneven_header(above, fitting):
            self._top, made.first = start - 1, self._fitted(above)
            return
        made.header = verdict.header if option is None else option
        made.first = tuple(cell.strip() for cell in fitting[0]) if fitting else ()
        if option is None and verdict.doubtful:
            self._say_verdict(verdict)
        if made.header and fitting:
            found = read_header(fitting, made.fields)
            made.first = found.names
            self._data = start + found.count
            if found.said:
                made.decide(found.said, MEND)

    def _say_verdict(self, verdict: Verdict) -> None:
        if verdict.header:
            self._made.decide(
                f"the first row ({_shown(self._made.first)}) holds the columns' names: {verdict.why}", "--header"
            )
        else:
            self._made.decide(f"the first row is data, not names: {verdict.why}", "--no-header")

    def _is_uneven_header(self, above: Sequence[str], fitting: Sequence[Sequence[str]]) -> bool:
        """Whether the line above the first row is a header with another number of fields."""
        fields, cells = self._made.fields, [cell.strip() for cell in above]
        if not above or len(above) == fields or not all(cells[: min(len(cells), fields - 1)]):
            return False
        if len(above) == fields - 1:
            shift = 0 if self._made.empty_last else 1
            under = [row[shift : shift + len(above)] for row in fitting]
            # One word above two columns is a title, unless the first column holds names of rows.
            if len(above) == 1 and not self._made.empty_last and not self._split.records[0].text.startswith('"'):
                return False
            return judge_header(cells, under).header
        if len(above) < fields:
            return len(above) > 1 and judge_header(cells, [row[: len(above)] for row in fitting]).header
        return judge_header(cells[:fields], fitting).header

    def _fitted(self, above: Sequence[str]) -> tuple[str, ...]:
        """The names of all fields, of a header that has another number of them."""
        made, cells = self._made, [cell.strip() for cell in above]
        fields = made.fields
        if len(cells) == fields - 1 and not made.empty_last:
            made.row_names = "the header has no name for it"
            return ("", *cells)
        if len(cells) < fields:
            if len(cells) < fields - made.empty_last:
                made.decide(f"the header has {len(cells)} names for {fields} columns; the last have none", MEND)
            return (*cells, *[""] * (fields - len(cells)))
        if any(cells[fields:]):
            made.decide(f"the header has {len(cells)} names for {fields} columns; the last are left out", MEND)
        return tuple(cells[:fields])

    def _find_row_numbers(self, data: Sequence[Sequence[str]]) -> None:
        made = self._made
        if made.header and made.fields > 1 and made.first and is_row_numbers(made.first[0], [row[0] for row in data]):
            made.row_names = made.row_names or "it numbers the rows"
        if made.empty_last and made.first and made.header and made.first[-1]:
            made.empty_last = False

    def _say_comments(self) -> None:
        made = self._made
        if made.comment and self._options.comment is None:
            count = sum(line.startswith(made.comment) for line in self._lines)
            lines = f"{counted(count, 'line')} that begin{'s' * (count == 1)} with {made.comment}"
            made.decide(f"{lines} count{'s' * (count == 1)} as comments", f"--comment {quoted(made.comment)}")

    def _say_before(self) -> None:
        """Of lines before the table, other than comments."""
        if self._options.skip is not None or not self._top:
            return
        number = self._sample[self._split.records[self._top].line].number
        title = printable(self._split.records[0].text.strip().split("\n")[0])
        lines = f"the first {number:,} lines stand" if number > 1 else "the first line stands"
        self._made.decide(f"{lines} before the table ('{title}') and {'are' if number > 1 else 'is'} left out",
                          f"--skip {number}")  # fmt: skip


def _shown(names: Sequence[str]) -> str:
    """The first few names that there are."""
    present = [name for name in names if name]
    return listed(present[:4]) + ", ..." * (len(present) > 4)


def column_names(dialect: Dialect) -> tuple[str, ...]:
    """The names of all fields as they are in the file: column_1... where there is no header."""
    return dialect.first if dialect.header else tuple(positional(dialect.fields))
