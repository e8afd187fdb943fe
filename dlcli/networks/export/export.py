"""``dlcli export`` of an image network."""

from dataclasses import replace

from dlcli.exports.session import Session
from dlcli.exports.settings import Description, Exported, ExportSettings
from dlcli.networks.export import bioimage, darktable
from dlcli.networks.export.checked import check
from dlcli.networks.export.image_model import ImageModel, usual_form
from dlcli.networks.export.torch_program import Loaded, to_program
from dlcli.networks.inference.settings import NetworkSettings
from dlcli.networks.inference.trained import TrainedNetwork, load_network


def export_network(settings: ExportSettings) -> Exported:
    """The file of a network, which has been run beside dlcli.

    Raises DlcliError for a network that is damaged or can't be exported, and where it gives other images than dlcli.
    """
    trained = load_network(NetworkSettings(settings.run, "cpu", None, None, None))
    about = settings.about
    if not about.name:
        about = replace(about, name=f"{trained.task} {trained.folder.resolve().name}")
    if settings.format == "dtmodel":
        return _for_darktable(trained, about)
    if settings.format == "bioimage":
        return _for_bioimage(trained, about)
    if settings.format == "torch":
        return _for_torch(trained)
    model = ImageModel(trained, usual_form(trained))
    return _checked(model, model.to_onnx(settings.format), settings.format)


def _for_darktable(trained: TrainedNetwork, about: Description) -> Exported:
    model = darktable.darktable_model(trained)
    made = _checked(model, model.to_onnx("dtmodel"), "dtmodel")
    content = darktable.package(model, made.content, about)
    return replace(made, content=content, notes=darktable.notes(model))


def _for_torch(trained: TrainedNetwork) -> Exported:
    model = ImageModel(trained, replace(usual_form(trained), map=True))  # programs don't repeat a single number
    content = to_program(model)
    found = check(model, Loaded(content, model).run)
    return Exported(content, trained.task, model.inputs, [model.output], found.difference, found.on)


def _for_bioimage(trained: TrainedNetwork, about: Description) -> Exported:
    model = ImageModel(trained, bioimage.FORM)
    made = _checked(model, model.to_onnx("bioimage"), "bioimage")
    return replace(made, content=bioimage.package(model, made.content, about), notes=bioimage.notes(about))


def _checked(model: ImageModel, content: bytes, format: str) -> Exported:
    session = Session(content, format)
    found = check(model, lambda inputs: session.run(inputs)[model.output.name])
    return Exported(content, model.trained.task, model.inputs, [model.output], found.difference, found.on)
