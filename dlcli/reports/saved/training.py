"""What is read again of the report.json of a training."""

from pydantic import BaseModel, ConfigDict

from dlcli.files import JsonObject


class Selection(BaseModel):
    """Whether the saved weights were chosen by validation; older reports don't say, and they were."""

    model_config = ConfigDict(frozen=True)

    selects: bool = True


class SavedReport(BaseModel):
    """The fields that tell how a training ended, and whether its data are still there.

    Of any version, so that each may be missing.
    """

    model_config = ConfigDict(frozen=True)

    status: str = ""
    reason: str = ""
    rows: int | None = None
    std_error_reason: str | None = None
    images: dict[str, int] = {}
    fingerprint: JsonObject | None = None
    validation: Selection | None = None
    metrics: dict[str, dict[str, float | None]] = {}

    @property
    def val_loss(self) -> float | None:
        """The loss on what was held out."""
        return self.metrics.get("val", {}).get("loss")
