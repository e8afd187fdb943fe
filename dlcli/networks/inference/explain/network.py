"""``dlcli explain`` of an image network."""

from dataclasses import replace

from dlcli.config.values.explanations import ModelKind, methods_of
from dlcli.engine.progress import Progress
from dlcli.networks.inference.explain.settings import ExplainingSettings
from dlcli.networks.inference.trained import TrainedNetwork, load_for, other_networks
from dlcli.reports.explain.base import Explained
from dlcli.runs.directory import RunDirectory


def explain_network(settings: ExplainingSettings, folder: RunDirectory, progress: Progress) -> Explained:
    """Explain a network on images; ``folder`` is that of the explanation, made when it is first written to.

    Raises DlcliError for images that don't fit it, and for methods that it can't be explained by.
    """
    trained = _loaded(settings)
    kind: ModelKind = "classes" if trained.task == "classify" else "restoration"
    settings = replace(settings, methods=methods_of(kind, settings.methods))
    if kind == "classes":
        from dlcli.networks.inference.explain.classifying import explain_classes

        return explain_classes(settings, trained, folder, progress)
    from dlcli.networks.inference.explain.restoring import explain_restoration

    return explain_restoration(settings, trained, folder, progress)


def _loaded(settings: ExplainingSettings) -> TrainedNetwork:
    """That of the run; of a name that stands for several that for the images, and without any that of gray ones."""
    others = {} if settings.data else other_networks(settings.source)
    return others[1] if others else load_for(settings.source, settings.data)
