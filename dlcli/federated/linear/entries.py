"""What a report says of the clients, and of what the server learned."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from dlcli.config.federated.clients import EACH
from dlcli.config.federated.fit_linear import FederateLinearConfig
from dlcli.federated.linear.apart import Apart
from dlcli.federated.linear.averaging import Round
from dlcli.federated.linear.fit import PreparedRounds
from dlcli.federated.linear.share import ClientShare
from dlcli.federated.privacy import epsilon_of
from dlcli.linear.data.gaps import fill_gaps
from dlcli.linear.data.load import Loaded
from dlcli.linear.data.split import VALIDATION
from dlcli.linear.metrics import class_metrics, regression_metrics
from dlcli.linear.objectives.loss import log_softmax, of_classes
from dlcli.linear.objectives.moments import mean_squared_error
from dlcli.linear.result import Coefficients, Fit
from dlcli.reports.federated.entries import ClientEntry, FederationEntry, PrivacyEntry, RoundEntry

COVERS = (
    "the coefficients after every round, for all of a client's rows together; not what was agreed on before (columns, "
    "levels, the means and spreads by which columns are standardized, the learning rate), nor losses, metrics and "
    "numbers of rows, which are of all rows without noise. The noise comes of --seed: whoever knows it can take it off"
)
Tally = dict[int, tuple[int, int]]  # by client: rounds in which it answered, and in which it was lost


def federation_entry(
    config: FederateLinearConfig, apart: Apart, loaded: Loaded, result: Fit, ready: PreparedRounds | None
) -> FederationEntry:  # fmt: skip
    """How the clients trained a model together, by rounds where there is what was ``ready`` for them."""
    tally = _tally(ready.made[-1].rounds) if ready is not None else {}
    server, algorithm = apart.server, config.trained_by
    return FederationEntry(
        algorithm="exact" if ready is None else "fedprox" if algorithm.name == "fedprox" else "fedavg",
        rounds=None if ready is None else _rounds(ready.made[-1].rounds, result),
        local_steps=None if ready is None else ready.rounds.local_steps,
        local_lr=None if ready is None else result.trace.lr,
        mu=algorithm.mu if algorithm.name == "fedprox" else None,
        partition=config.partition if config.parts is not None else EACH,
        clients=[_client(apart, loaded, result.model, client, tally) for client in range(len(apart.names))],
        exchanges=server.exchanges,
        asked_for=dict(server.asked_for),
        fraction=config.fraction,
        secure_sum=config.secure_sum,
        sent=server.sent,
        received=server.received,
        retries=server.retries,
        disclosed=disclosed(config, loaded),
        privacy=None if ready is None else _privacy(config, ready),
    )


def _privacy(config: FederateLinearConfig, ready: PreparedRounds) -> PrivacyEntry | None:
    """What the rounds that there were spent; None where nothing is hidden."""
    noise, rounds = ready.rounds.noise, len(ready.made[-1].rounds)
    if noise is None:
        return None
    counts, delta = noise.counts, config.dp_delta
    return PrivacyEntry(
        unit="client", noise=noise.noise, clip=noise.clip,
        epsilon=epsilon_of(noise.noise, noise.participation, rounds, delta) if rounds else 0.0, delta=delta,
        clipped=counts["clipped"] / max(counts["messages"], 1), covers=COVERS,
    )  # fmt: skip


def _tally(rounds: Sequence[Round]) -> Tally:
    """By client, in how many rounds it answered, and in how many it was lost."""
    answered = Counter(client for one in rounds for client in one.asked if client not in one.lost)
    lost = Counter(client for one in rounds for client in one.lost)
    return {client: (answered[client], lost[client]) for client in {*answered, *lost}} or {-1: (0, 0)}


def _rounds(rounds: Sequence[Round], result: Fit) -> list[RoundEntry]:
    by_step = {step.step: step for step in result.trace.steps}
    return [
        RoundEntry(
            round=one.number, asked=one.asked, lost=one.lost, loss=by_step[one.number].loss,
            metrics={} if by_step[one.number].val_loss is None else {"loss": by_step[one.number].val_loss or 0.0},
        )
        for one in rounds
        if one.number in by_step
    ]  # fmt: skip


def _client(apart: Apart, loaded: Loaded, model: Coefficients, client: int, tally: Tally) -> ClientEntry:
    target, share = loaded.data.schema.target, apart.server.shares.get(client)
    classes = apart.classes.get(client)
    answered, lost = tally.get(client, (0 if share is None or tally else apart.server.exchanges, 0))
    return ClientEntry(
        name=apart.names[client],
        rows=int((apart.owners == client).sum()),
        classes=None if classes is None or target is None else dict(zip(target.levels, classes.tolist(), strict=True)),
        metrics={} if share is None else _metrics(share, loaded, model),
        answered=answered,
        lost=lost,
        left_out=share is None,
    )


def _metrics(share: ClientShare, loaded: Loaded, model: Coefficients) -> dict[str, dict[str, float]]:
    """Those of a model in the data's units on a client's own rows, by part; computed by the client."""
    data, found = share.data.columns(loaded.keep), {}
    parts = {"train": [g for g in data.moments if g != VALIDATION], "val": [g for g in data.moments if g == VALIDATION]}
    for name, groups in parts.items():
        if not groups:
            continue
        if not of_classes(model.kind):
            moments = data.merged(groups)
            loss = mean_squared_error(moments, float(model.intercept[0]), model.slopes[:, 0])
            found[name] = regression_metrics(moments, loss, loaded.plan.columns.intercept)
            continue
        assert data.ones_X is not None
        assert data.responses is not None
        assert data.groups is not None
        chosen = np.isin(data.groups, groups)
        X, own = data.ones_X[chosen, 1:], data.responses.of_rows(chosen)
        fill_gaps(X, loaded.usable.fill)
        found[name] = class_metrics(log_softmax(own.shifted(model.intercept + X @ model.slopes)), own.y, own.weights)
    return found


def disclosed(config: FederateLinearConfig, loaded: Loaded) -> list[str]:
    """What the server learned beside the model."""
    texts = any(feature.kind == "text" for feature in loaded.data.schema.features)
    classes = of_classes(loaded.kind)
    who = "over all clients together, as masks hid each one's" if config.secure_sum else "of each client"
    found = [
        "of each client, to agree on columns: their names and kinds, which values are missing how often, the largest "
        "values" + (", and the levels of texts" if texts else "") + (" and the classes" if classes else ""),
        f"numbers of rows, and sums of columns, {who}",
        f"sums of products of columns, {who}",
    ]
    if classes and not config.averages:
        found.append(f"losses, gradients and Hessians at each step, {who}")
    if config.averages:
        found.append(f"changes of the coefficients by local steps, and losses after each round, {who}")
    if classes:
        found.append(f"for the area under the ROC curve: how many rows are in each of 4,096 bins of scores, {who}")
    found.append("of each client, for this report: its rows, and the metrics of the model on them")
    return found
