"""The JSON Schema of all reports: ``python -m dlcli.reports.schema docs/report.schema.json`` writes it."""

import sys
from pathlib import Path
from typing import Annotated

from pydantic import Discriminator, Tag, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from dlcli.files import JsonObject, to_json
from dlcli.reports.columns import DryRunReport
from dlcli.reports.data import DataReport
from dlcli.reports.document import Report
from dlcli.reports.evaluate import ClassificationReport, RestorationReport, TableEvalReport
from dlcli.reports.explain.classes import ClassesExplanation
from dlcli.reports.explain.linear import LinearExplanation
from dlcli.reports.explain.restoration import RestorationExplanation
from dlcli.reports.federated.apps import AppReport, ClientReport
from dlcli.reports.fit_linear import FitLinearReport
from dlcli.reports.images.noise import NoiseReport
from dlcli.reports.predict import ClassifiedReport, RestoredReport, TablePredictReport
from dlcli.reports.saved.export import ExportReport
from dlcli.reports.saved.models import ModelsReport
from dlcli.reports.saved.report import PageReport
from dlcli.reports.saved.runs import RunsReport
from dlcli.reports.train_deconv import TrainDeconvReport
from dlcli.reports.tune_lr import SearchReport, SweepReport


def kind_of(report: JsonObject) -> str:
    """Which of the reports a document is: its command, and of what.

    >>> kind_of({"command": "eval", "task": "classify"}), kind_of({"command": "tune-lr", "method": "grid"})
    ('eval classes', 'tune-lr search')
    """
    command, task = str(report.get("command")).removeprefix("federate "), report.get("task")
    if report.get("engine") is not None:
        return "federate app"
    if command in ("eval", "predict"):
        return f"{command} " + ("table" if task is None else "classes" if task == "classify" else "images")
    if command == "explain":
        return f"explain {report.get('kind')}"
    if command == "tune-lr":
        return "tune-lr sweep" if report.get("method") == "sweep" else "tune-lr search"
    return "fit-linear dry run" if report.get("dry_run") else command


AnyReport = Annotated[
    Annotated[FitLinearReport, Tag("fit-linear")]
    | Annotated[DryRunReport, Tag("fit-linear dry run")]
    | Annotated[TrainDeconvReport, Tag("train-deconv")]
    | Annotated[DataReport, Tag("data")]
    | Annotated[ExportReport, Tag("export")]
    | Annotated[ClassesExplanation, Tag("explain classes")]
    | Annotated[AppReport, Tag("federate app")]
    | Annotated[ClientReport, Tag("client")]
    | Annotated[LinearExplanation, Tag("explain linear")]
    | Annotated[RestorationExplanation, Tag("explain restoration")]
    | Annotated[NoiseReport, Tag("noise")]
    | Annotated[ModelsReport, Tag("models")]
    | Annotated[PageReport, Tag("report")]
    | Annotated[RunsReport, Tag("runs")]
    | Annotated[SearchReport, Tag("tune-lr search")]
    | Annotated[SweepReport, Tag("tune-lr sweep")]
    | Annotated[TableEvalReport, Tag("eval table")]
    | Annotated[RestorationReport, Tag("eval images")]
    | Annotated[ClassificationReport, Tag("eval classes")]
    | Annotated[TablePredictReport, Tag("predict table")]
    | Annotated[RestoredReport, Tag("predict images")]
    | Annotated[ClassifiedReport, Tag("predict classes")],
    Discriminator(kind_of),
]
REPORTS: TypeAdapter[Report] = TypeAdapter(AnyReport)


class _Schema(GenerateJsonSchema):
    """Without titles that only repeat the names of fields."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002  (pydantic passes it)
        return False


def schema_text() -> str:
    """The schema, as docs/report.schema.json has it."""
    about = "What report.json of each command holds, and what --json prints. Numbers that JSON lacks are null."
    head = {"$schema": GenerateJsonSchema.schema_dialect, "title": "Reports of dlcli", "description": about}
    return to_json(head | REPORTS.json_schema(schema_generator=_Schema)) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(schema_text(), encoding="utf-8")
