"""``dlcli federate client`` as a function: config in, report out."""

import time

from dlcli.config.federated.client import ClientConfig
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.federated.exported.answer import ClientRows
from dlcli.files import write_atomic
from dlcli.reports.federated.apps import ClientReport


def client_round(config: ClientConfig, progress: Progress) -> ClientReport:
    """Write what this client answers to the model that came. Raises DlcliError for data that don't fit it."""
    from safetensors.numpy import save

    start = time.monotonic()
    if not config.data:
        raise DlcliError("federate client: no DATA was given", "name the client's tables")
    if not config.out.parent.is_dir():
        raise DlcliError(f"--out {config.out}: there is no folder {config.out.parent}", "make it, or choose another")
    rows = ClientRows.read(config.init, config.data, progress)
    found = rows.answer(config.steps, config.lr, config.mu)
    # The model's description goes along, so that a file of local steps is a model file.
    content = found.model.to_bytes() if found.model is not None else save(found.tensors)
    write_atomic(config.out, content)
    return ClientReport(
        command="federate client", init=str(config.init), out=str(config.out), rows=found.rows, weight=found.weight,
        loss=found.loss, value=found.value, steps=config.steps, largest_stable_lr=found.stable,
        seconds=time.monotonic() - start, status="finished",
    )  # fmt: skip
