"""How well the saved network does on what each client holds out itself."""

from collections.abc import Sequence

from torch import Tensor

from dlcli.networks.federated.clients import Client


def on_own_images(clients: Sequence[Client], state: dict[str, Tensor]) -> list[dict[str, float]]:
    """The metrics of a network of these tensors on each client's own images; {} for one that holds none out."""
    return [{} if client.validate is None else client.validate(state) for client in clients]
