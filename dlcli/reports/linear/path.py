"""What the report of ``fit-linear`` says of a path of penalties."""

from typing import Literal

from pydantic import Field

from dlcli.reports.document import Number, Record


class PathPoint(Record):
    """The fits of one penalty on a path."""

    penalty: Number
    df: Number = Field(
        description="coefficients that aren't 0; with a ridge alone effective degrees of freedom; no intercepts"
    )
    loss: Number = Field(description="on the rows trained on, without the penalty")
    val_loss: Number = Field(description="mean over the folds")
    se: Number = Field(description="standard error of val_loss: the folds' standard deviation by the root of how many")


class PathReport(Record):
    """A path of penalties, and which was chosen."""

    option: Literal["l1", "l2"] = Field(description="which penalty changes along the path")
    l1: Number = Field(description="the L1 penalty of the final fit")
    l2: Number = Field(description="its L2 penalty")
    folds: int
    choice: Literal["min", "1se"] = Field(description="the rule: the lowest val_loss, or within one standard error")
    selected_on: Literal["cv.loss"] = Field(description="what chose the penalty, and is no measure of the final fit")
    chosen: int = Field(description="place in points of the penalty that was chosen, from 0")
    min: int = Field(description="place of the lowest val_loss")
    one_se: int = Field(description="place of the largest penalty whose val_loss is within one standard error of it")
    violation: Number = Field(
        description="by how much a fit on all rows misses the conditions of the optimum, as a share of the steepest "
        "gradient without columns; 0 at the optimum"
    )
    points: list[PathPoint] = Field(description="from the largest penalty down; path.csv has their coefficients")
