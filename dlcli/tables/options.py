"""How a config's table options become the reader's."""

from dlcli.config.linear.validation import ValidationOptions
from dlcli.config.linear.weights import WeightOptions
from dlcli.config.saved.measuring import MeasuringOptions
from dlcli.config.table_options import TableOptions
from dlcli.tables.names import RowColumns
from dlcli.tables.table import ReadOptions


def _beside(config: TableOptions) -> RowColumns:
    if isinstance(config, WeightOptions):
        return RowColumns(config.weights, config.offset, config.exposure)
    return RowColumns(config.weights if isinstance(config, MeasuringOptions) else None)


def read_options(
    config: TableOptions,
    features: tuple[str, ...] = (),
    drop: tuple[str, ...] = (),
    keep: tuple[str, ...] = (),
    unseen: str = "error",
) -> ReadOptions:
    """Options of ``dlcli.tables.table`` from those of a command; ``unseen`` where a saved model is applied."""
    return ReadOptions(
        file_format=config.file_format,
        delimiter=config.delimiter,
        header=config.header,
        encoding=config.encoding,
        skip=config.skip,
        comment=config.comment,
        uneven=config.uneven,
        sheet=config.sheet,
        query=config.query,
        missing_values=config.missing_value,
        missing=config.missing,
        text=config.text,
        number=config.number,
        date=config.date,
        keep_missing_text=config.keep_missing_text,
        date_parts=config.date_parts,
        decimal=config.decimal,
        day_first=config.day_first,
        features=features,
        drop=drop,
        keep=keep,
        max_categories=config.max_categories,
        unseen=unseen,
        strict=config.strict,
        given=frozenset(config.given()),
        group=config.group if isinstance(config, ValidationOptions) else None,
        beside=_beside(config),
    )
