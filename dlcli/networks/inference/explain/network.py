"""``dlcli explain`` of an image network."""

from dataclasses import replace

from dlcli.config.values.explanations import WORDS, ModelKind, methods_of
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.networks.inference.explain.settings import ExplainingSettings
from dlcli.networks.inference.trained import load_for
from dlcli.reports.explain.base import Explained
from dlcli.runs.directory import RunDirectory


def explain_network(
    settings: ExplainingSettings,
    folder: RunDirectory,  # noqa: ARG001  (where files of a method's own go)
    progress: Progress,  # noqa: ARG001  (what is told of them)
) -> Explained:
    """Explain a network on images; ``folder`` is that of the explanation, made when it is first written to.

    Raises DlcliError for images that don't fit it, and for methods that it can't be explained by.
    """
    trained = load_for(settings.source, settings.data)
    kind: ModelKind = "classes" if trained.task == "classify" else "restoration"
    settings = replace(settings, methods=methods_of(kind, settings.methods))
    raise DlcliError(f"{settings.source.run}: {WORDS[kind]} can't be explained yet", "give the run of a linear model")
