"""What decides which rows are held out and how the others are dealt to folds, where that isn't chance alone."""

from dataclasses import dataclass

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.text import printable, quoted


@dataclass(frozen=True)
class SplitSettings:
    """A condition on the rows that are held out, or their files, or a fraction ``val``; a column of groups or times."""

    val_rows: str | None = None
    val_data: tuple[str, ...] = ()
    group: str | None = None
    time: str | None = None
    val: float = 0.0
    folds: int = 0

    @classmethod
    def of(cls, config: FitLinearConfig) -> "SplitSettings":
        """Those of a command."""
        return cls(config.val_rows, config.val_data, config.group, config.time, config.val, config.folds)

    @property
    def present(self) -> bool:
        """Whether rows are dealt out by what they hold."""
        return bool(self.val_rows is not None or self.val_data or self.group is not None or self.time is not None)

    @property
    def holding(self) -> str:
        """The options that hold rows out, as they are typed; "" where none do."""
        if self.val_rows is not None:
            return f"--val-rows {quoted(self.val_rows)}"
        if self.val_data:
            return " ".join(f"--val-data {printable(name)}" for name in self.val_data)
        return f"--val {self.val:g}{self._key}" if self.val else ""

    @property
    def folding(self) -> str:
        """The options that deal rows to folds; "" where none do."""
        return f"--cv {self.folds}{self._key}" if self.folds else ""

    @property
    def _key(self) -> str:
        if self.group is not None:
            return f" --group {printable(self.group)}"
        return f" --time {printable(self.time)}" if self.time is not None else ""
