"""The trials of a search on disk: trials.jsonl as they end, trials.csv for a spreadsheet."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dlcli.files import JsonObject

if TYPE_CHECKING:
    from dlcli.reports.tune_lr import Trial

TRIALS, TABLE, BEST, JOURNAL = "trials.jsonl", "trials.csv", "best.toml", "study.journal"


def read_trials(path: Path) -> tuple[JsonObject, list[JsonObject]]:
    """The header and the trials of a trials.jsonl; what a kill cut off is left out. Empty where there is no file.

    The header's ``worker`` is the last process that wrote there.
    """
    documents = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}, []
    for line in lines:
        try:
            document = json.loads(line)
        except ValueError:
            continue
        if isinstance(document, dict):
            documents.append(document)
    if not documents or "about" not in documents[0]:
        return {}, []
    workers = [d["worker"] for d in documents if "worker" in d]
    return documents[0] | {"worker": workers[-1] if workers else ""}, [d for d in documents[1:] if "number" in d]


def to_csv(names: Sequence[str], metric: str, trials: Sequence["Trial"]) -> str:
    """A table with a column for each searched option; ``trials`` are those of the report."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["trial", *names, metric, "spread", "state", "share", "steps", "seconds", "seed", "reason", "mark"])
    for trial in trials:
        writer.writerow(
            [
                trial.number, *(trial.params.get(name, "") for name in names),
                "" if trial.value is None else repr(trial.value), "" if trial.spread is None else repr(trial.spread),
                trial.state, trial.fraction, trial.steps, f"{trial.seconds:.6g}", trial.seed, trial.reason, trial.mark,
            ]
        )  # fmt: skip
    return stream.getvalue()
