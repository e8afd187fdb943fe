"""What reports say of training over data that stay apart."""

from typing import Literal

from pydantic import Field

from dlcli.reports.document import Measured, Metrics, Number, Record, Sparse, Text


class ClientEntry(Sparse):
    """One client: what it has, and how well the global model does on it."""

    name: Text
    rows: int = Field(description="rows or images, those that it holds out included")
    classes: dict[Text, Number] | None = Field(
        default=None, description="how many rows, or images, of each class; absent for numbers and restoration"
    )
    metrics: Measured = Field(description="of the global model, on its own rows; empty where it was lost")
    answered: int = Field(description="rounds in which it answered; exact: times that it was asked and answered")
    lost: int = Field(description="rounds in which it was asked and gave no answer")
    left_out: bool = Field(default=False, description="whether it takes no part in the result, as it gave no answer")


class RoundEntry(Record):
    """One round of FedAvg or FedProx."""

    round: int = Field(description="from 1")
    asked: list[int] = Field(description="the clients who were asked, by number from 0")
    lost: list[int] = Field(description="those of them who gave no answer")
    loss: Number = Field(description="of the global model after the round, over all clients' training rows")
    metrics: Metrics = Field(description="of validation, where rows are held out; else empty")


class PrivacyEntry(Record):
    """Differential privacy: of what, and how much."""

    unit: Literal["client", "row"] = Field(description="whose presence is hidden: all of a client's rows, or one row")
    noise: Number = Field(description="standard deviation of the noise on the sum, in units of clip")
    clip: Number = Field(description="bound of the length of what a client sends")
    epsilon: Number
    delta: Number
    clipped: Number = Field(description="share of the messages that were longer than clip, and were cut")
    covers: Text = Field(description="what the guarantee covers, and what it doesn't, in words")


class Pooled(Record):
    """The same model trained on all rows at once, to compare."""

    metrics: Measured
    difference: Number | None = Field(
        default=None, description="largest difference of a coefficient, as a share of its size; null for networks"
    )


class FederationEntry(Sparse):
    """How a model was trained over data that stay apart."""

    algorithm: Literal["exact", "fedavg", "fedprox"]
    mu: Number | None = Field(default=None, description="of fedprox; else absent")
    partition: Text = Field(description="how rows were dealt out; each: the clients had files of their own")
    clients: list[ClientEntry]
    rounds: list[RoundEntry] | None = Field(default=None, description="of fedavg and fedprox; else absent")
    exchanges: int = Field(description="how often the server asked, rounds included")
    asked_for: dict[str, int] | None = Field(default=None, description="how often by what was asked for")
    local_steps: int | None = Field(default=None, description="steps of a client in a round; absent of exact")
    local_lr: Number | None = Field(default=None, description="their learning rate; absent of exact")
    fraction: Number = Field(default=1.0, description="share of the clients that are asked in a round")
    secure_sum: bool = Field(description="whether masks hid what each client sent")
    sent: int = Field(description="numbers that a client sent to the server, in all")
    received: int = Field(description="numbers that a client got from the server, in all")
    retries: int = Field(default=0, description="how often a client was asked again")
    disclosed: list[Text] = Field(description="what the server learned beside the model, in words")
    pooled: Pooled | None = Field(default=None, description="with --pooled; else absent")
    privacy: PrivacyEntry | None = Field(default=None, description="absent without --dp-noise or --dp-epsilon")
