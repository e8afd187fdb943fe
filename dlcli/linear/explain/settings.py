"""What explaining a linear model needs of the command's options."""

from dataclasses import dataclass
from typing import Literal

from dlcli.config.common import PlotFormat
from dlcli.config.saved.explain import ExplainConfig
from dlcli.config.values.explanations import methods_of

MOST_OF_CSV = 100_000  # rows, unless it is asked for


@dataclass(frozen=True)
class LinearExplaining:
    """The ``methods``, those that were ``asked`` for by name, how often columns are permuted, the format of the table
    of SHAP values, and that of charts.
    """

    methods: tuple[str, ...]
    asked: tuple[str, ...]
    repeats: int
    table: Literal["auto", "csv", "parquet", "none"]
    seed: int
    format: PlotFormat

    @classmethod
    def of(cls, config: ExplainConfig) -> "LinearExplaining":
        """Those of the command. Raises DlcliError for methods of networks."""
        return cls(
            methods_of("linear", config.method), config.method, config.repeats, config.table, config.seed, config.plots
        )

    def table_of(self, rows: int) -> str:
        """The format of a table of so many rows."""
        return ("csv" if rows <= MOST_OF_CSV else "parquet") if self.table == "auto" else self.table

    def without(self, *methods: str) -> tuple[str, ...]:
        """Its methods but for some."""
        return tuple(name for name in self.methods if name not in methods)
