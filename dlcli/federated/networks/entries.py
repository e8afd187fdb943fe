"""What a report says of the clients of a network, of its rounds, and of what the server learned."""

from collections import Counter
from collections.abc import Sequence

from dlcli.config.federated.clients import EACH
from dlcli.config.federated.train_deconv import FederateDeconvConfig
from dlcli.engine.loop import Step
from dlcli.federated.privacy import COVERS, PrivateServer, epsilon_of
from dlcli.networks.data.load import TrainingImages
from dlcli.networks.federated.clients import Client
from dlcli.networks.federated.solver import FederatedSolver
from dlcli.reports.federated.entries import ClientEntry, FederationEntry, Pooled, PrivacyEntry, RoundEntry

Metrics = dict[str, float]


def federation_entry(
    config: FederateDeconvConfig,
    solver: FederatedSolver,
    clients: Sequence[ClientEntry],
    steps: Sequence[Step],
    pooled: dict[str, Metrics] | None,
    disclosed: Sequence[str],
) -> FederationEntry:
    """How the clients trained a network together; ``steps`` are the reports."""
    algorithm = config.trained_by
    numbers = solver.weights.flat.numel()
    asked = Counter(client for one in solver.rounds for client in one.asked)
    answered = {entry.name: entry.answered for entry in clients}
    return FederationEntry(
        algorithm="fedprox" if algorithm.name == "fedprox" else "fedavg",
        mu=algorithm.mu if algorithm.name == "fedprox" else None,
        partition=config.partition if config.parts is not None else EACH,
        clients=list(clients),
        rounds=_rounds(solver, steps),
        exchanges=len(solver.rounds),
        local_steps=config.steps_of_round,
        local_lr=config.lr,
        fraction=config.fraction,
        secure_sum=config.secure_sum,
        sent=(numbers + 1) * max(answered.values(), default=0),
        received=numbers * max(asked.values(), default=0),
        disclosed=list(disclosed),
        pooled=None if pooled is None else Pooled(metrics=pooled),
        privacy=_privacy(config, solver),
    )


def _privacy(config: FederateDeconvConfig, solver: FederatedSolver) -> PrivacyEntry | None:
    """What the rounds that there were spent; None where nothing is hidden."""
    server = solver.server
    if not isinstance(server, PrivateServer):
        return None
    counts, delta = server.counts, config.dp_delta
    return PrivacyEntry(
        unit="client",
        noise=server.noise,
        clip=server.clip,
        epsilon=epsilon_of(server.noise, server.participation, len(solver.rounds), delta) if solver.rounds else 0.0,
        delta=delta,
        clipped=counts["clipped"] / max(counts["messages"], 1),
        covers=COVERS,
    )


def client_entry(client: Client, images: TrainingImages, solver: FederatedSolver, metrics: Metrics) -> ClientEntry:
    """One client; ``metrics`` are those of the saved network on the images that it holds out, {} where it has none."""
    asked = [one for one in solver.rounds if client.number in one.asked]
    lost = sum(client.number in one.lost for one in asked)
    return ClientEntry(
        name=client.name,
        rows=client.count + client.held,
        classes=_classes(images) if images.train.classes else None,
        metrics={"val": metrics} if metrics else {},
        answered=len(asked) - lost,
        lost=lost,
        left_out=lost == len(asked),
    )


def _classes(images: TrainingImages) -> dict[str, float]:
    """How many images of each class a client has."""
    sets = [images.train] if images.val is None else [images.train, images.val]
    found = Counter(int(label) for s in sets if s.labels is not None for label in s.labels)
    return {name: found[code] for code, name in enumerate(images.train.classes)}


def _rounds(solver: FederatedSolver, steps: Sequence[Step]) -> list[RoundEntry]:
    """The rounds; those after which there was a report have its metrics."""
    by_step = {step.step: step for step in steps}
    found = []
    for one in solver.rounds:
        report = by_step.get((one.number + 1) * solver.settings.local_steps)
        metrics = {}
        if report is not None and report.val_loss is not None:
            metrics = {"loss": report.val_loss, **report.metrics}
        found.append(RoundEntry(round=one.number + 1, asked=one.asked, lost=one.lost, loss=one.loss, metrics=metrics))
    return found


def disclosed(config: FederateDeconvConfig, images: TrainingImages, *, linear: bool) -> list[str]:
    """What the server learned beside the network."""
    who = "over all clients of a round together, as masks hid each one's" if config.secure_sum else "of each client"
    found = [
        "of each client, to agree on a network: how many images it has, their sizes and channels"
        + (", the names of the classes, and whether they look like photographs" if images.train.classes else ""),
    ]
    if not images.scales.eight_bit:
        found.append(
            f"the lowest and the highest value that becomes 0 and 1, of each client; agreed on: "
            f"{images.scales.targets.shown}"
        )
    found += [
        f"after each round the change of the network's weights by local steps, {who}",
        "of each client, the mean loss of its steps in a round"
        + (", and at reports the network's metrics on the images that it holds out" if images.val else ""),
        "of each client, for this report: "
        + ("how many images of each class it has, and " if images.train.classes else "")
        + "the metrics of the network on the images that it holds out",
    ]
    if linear:
        found.append("nothing for the linear estimate of color noise, which is that of generated images")
    return found
