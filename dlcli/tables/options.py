"""How a config's table options become the reader's."""

from dlcli.config.common import TableOptions
from dlcli.tables.table import ReadOptions


def read_options(
    config: TableOptions,
    features: tuple[str, ...] = (),
    drop: tuple[str, ...] = (),
    missing: str | None = None,
    keep: tuple[str, ...] = (),
) -> ReadOptions:
    """Options of ``dlcli.tables.table`` from those of a command."""
    return ReadOptions(
        delimiter=config.delimiter,
        header=config.header,
        encoding=config.encoding,
        skip=config.skip,
        comment=config.comment,
        missing_values=config.missing_value,
        missing=missing or config.missing,
        text=config.text,
        features=features,
        drop=drop,
        keep=keep,
        max_categories=config.max_categories,
    )
