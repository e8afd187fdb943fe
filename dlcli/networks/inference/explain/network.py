"""``dlcli explain`` of an image network."""

from dataclasses import replace

from dlcli.config.values.explanations import WORDS, ModelKind, methods_of
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.networks.inference.explain.settings import ExplainingSettings
from dlcli.networks.inference.trained import load_for
from dlcli.reports.explain.base import Explained
from dlcli.runs.directory import RunDirectory


def explain_network(settings: ExplainingSettings, folder: RunDirectory, progress: Progress) -> Explained:
    """Explain a network on images; ``folder`` is that of the explanation, made when it is first written to.

    Raises DlcliError for images that don't fit it, and for methods that it can't be explained by.
    """
    trained = load_for(settings.source, settings.data)
    kind: ModelKind = "classes" if trained.task == "classify" else "restoration"
    settings = replace(settings, methods=methods_of(kind, settings.methods))
    if kind == "classes":
        from dlcli.networks.inference.explain.classifying import explain_classes

        return explain_classes(settings, trained, folder, progress)
    raise DlcliError(f"{settings.source.run}: {WORDS[kind]} can't be explained yet", "give the run of a linear model")
