"""Which rows a training held out and how the others were dealt to folds, where that went by what they hold."""

from pydantic import Field

from dlcli.reports.document import Sparse, Text


class SplitPart(Sparse):
    """Rows that are measured and not trained on."""

    rows: int
    share: float = Field(description="of all rows")
    groups: int | None = Field(default=None, description="how many groups these are; absent without --group")
    since: Text | None = Field(default=None, description="the first time; absent without --time")
    trained_on: int | None = Field(default=None, description="rows that the fit of a fold is trained on")


class SplitEntry(Sparse):
    """How rows were held out and dealt to folds."""

    options: Text = Field(description="the options that said how")
    held_out: SplitPart | None = Field(default=None, description="the rows held out; absent where there are none")
    folds: list[SplitPart] | None = Field(default=None, description="those of cross-validation; absent without --cv")
