"""Runs as a comment on a pull request: Markdown as GitHub has it, with names that can't be markup."""

import re
from collections.abc import Sequence

from dlcli.files import valid_text
from dlcli.reports.page.compare import metrics_beside, notes_of, settings_beside
from dlcli.reports.page.content import metric_table, revision_of, warnings_of
from dlcli.reports.page.source import Source, Table
from dlcli.text import printable_path

MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+!|~&])")
MENTION = re.compile(r"([@#])(?=\w)")
MOST_WARNINGS = 10


def comment_of(sources: Sequence[Source]) -> str:
    """The metrics, of several runs beside each other and with the settings that differ, and what was warned of."""
    one = sources[0]
    if len(sources) == 1:
        title, tables = f"{one.command or 'Run'}: {one.name}", [metric_table(one.metrics)]
        notes = warnings_of(one)
    else:
        title, tables = f"Comparison of {len(sources)} runs", [metrics_beside(sources), settings_beside(sources)]
        notes = notes_of(sources)
    parts = [f"### {escaped(title)}", *(_table(table) for table in tables)]
    if notes:
        more = [f"- and {len(notes) - MOST_WARNINGS} more"] if len(notes) > MOST_WARNINGS else []
        parts.append("\n".join([*(f"- {escaped(note)}" for note in notes[:MOST_WARNINGS]), *more]))
    if len(sources) == 1 and (revision := revision_of(one.report)):
        parts.append(f"commit {escaped(revision)}")
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """A text that Markdown shows as it is: no markup, no link to an issue, no one is mentioned.

    >>> escaped("a|b <img> @all"), escaped("fixes #1")
    ('a\\\\|b \\\\<img\\\\> @\\u200ball', 'fixes \\\\#\\u200b1')
    """
    plain = printable_path(valid_text(text))
    return MARKUP.sub(r"\\\1", MENTION.sub("\\1\u200b", plain))


def _table(table: Table) -> str:
    title = f"**{escaped(table.title)}**"
    if not table.rows:
        return f"{title}: {escaped(table.note) if table.note else 'none'}"
    rows = [table.head, ["---", *(["---:"] * (len(table.head) - 1))]]
    lines = ["| " + " | ".join(escaped(name) for name in rows[0]) + " |", "|" + "|".join(rows[1]) + "|"]
    for row in table.rows:
        cells = [f"**{escaped(one.text)}**" if one.best else escaped(one.text) for one in row]
        lines.append("| " + " | ".join(cells) + " |")
    note = f"\n\n{escaped(table.note)}" if table.note else ""
    return f"{title}{note}\n\n" + "\n".join(lines)
