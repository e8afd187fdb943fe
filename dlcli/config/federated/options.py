"""Options of training over data that stay apart."""

from typing import Any

from pydantic import field_validator, model_validator

from dlcli.config.federated.clients import EACH, inside
from dlcli.config.federated.export import ExportOptions
from dlcli.config.option import option
from dlcli.config.values.federation import Algorithm, parse_algorithm, parse_partition

FEDERATION = "Federation"
PARTS = 10  # clients where nothing else is said
ROUNDS = 20


class FederationOptions(ExportOptions):
    """Who has the data, how they train together, and what is hidden of what they send."""

    clients: tuple[str, ...] = option(
        (str(PARTS),),
        "K: DATA is dealt out to K clients. each: each DATA is a client's. PATHS in place of DATA: each is a client's, "
        "and of a lone folder each file or folder in it.",
        panel=FEDERATION, metavar="K|each|PATH", also="num_clients n_clients num_supernodes nodes sites parties silos",
    )  # fmt: skip
    partition: str = option(
        "iid",
        "How rows are dealt out to K clients: iid, or dirichlet:ALPHA by class (by tenths of a target of numbers); the "
        "smaller ALPHA, the less alike they are.",
        panel=FEDERATION, metavar="iid|dirichlet:ALPHA", also="partitioner partitioning split_method heterogeneity",
    )  # fmt: skip
    algorithm: str = option(
        "auto",
        "exact: sums over the clients' rows, for linear models, which give the pooled answer; fedavg, fedprox[:MU]: "
        "local steps and their mean. auto: exact for linear models unless an option of rounds is given, else fedavg.",
        panel=FEDERATION, metavar="NAME", also="strategy aggregation aggregator fl_algorithm",
    )  # fmt: skip
    rounds: int | None = option(
        None, "Rounds of fedavg and fedprox; 20 by default.", panel=FEDERATION, ge=1,
        also="num_rounds n_rounds num_server_rounds global_rounds communication_rounds global_epochs",
    )  # fmt: skip
    local_steps: int | None = option(
        None, "Steps that a client takes in a round of fedavg and fedprox.", panel=FEDERATION, ge=1,
        also="local_epochs local_updates client_steps local_iterations",
    )  # fmt: skip
    fraction: float = option(
        1.0, "Share of the clients that are asked in a round of fedavg and fedprox.", panel=FEDERATION, gt=0, le=1,
        also="fraction_fit fraction_train client_fraction participation sample_rate clients_per_round",
    )  # fmt: skip
    client_failures: float = option(
        0.0, "Chance that a client gives no answer in a round, to see what comes of it.", panel=FEDERATION, ge=0, lt=1,
        also="client_dropout failure_rate dropout_rate stragglers",
    )  # fmt: skip
    secure_sum: bool = option(
        False,
        "Have clients add masks that cancel in the sum, so that no single client's numbers are seen.",
        panel=FEDERATION, flags=("--secure-sum",), also="secagg secure_aggregation secure_sums masking secaggplus",
    )  # fmt: skip
    dp_clip: float | None = option(
        None, "Bound of the length of what a client sends, for differential privacy of clients in fedavg and fedprox.",
        panel=FEDERATION, gt=0, also="clipping_norm dp_clipping_norm l2_norm_clip max_update_norm",
    )  # fmt: skip
    dp_noise: float | None = option(
        None, "Standard deviation of the Gaussian noise on the sum, in units of --dp-clip.", panel=FEDERATION, gt=0,
        also="noise_multiplier", needs=("dp_clip", 1.0),
    )  # fmt: skip
    dp_epsilon: float | None = option(
        None, "The epsilon to spend over all rounds; the noise follows from it.", panel=FEDERATION, gt=0,
        also="target_epsilon privacy_budget", needs=("dp_clip", 1.0),
    )  # fmt: skip
    dp_delta: float = option(
        1e-5, "The delta that epsilon goes with.", panel=FEDERATION, gt=0, lt=1, also="target_delta delta"
    )

    @model_validator(mode="before")
    @classmethod
    def _paths_are_data(cls, values: Any) -> Any:
        """With paths as clients they are the data, and each of them is a client's: what config.toml says."""
        given = values.get("clients") if isinstance(values, dict) else None
        if given is None:
            return values
        named = tuple(str(one) for one in (given if isinstance(given, (list, tuple)) else (given,)))
        named = tuple(part.strip() for one in named for part in one.split(",") if part.strip())
        if len(named) == 1 and (named[0] == EACH or _is_number(named[0])):
            return {**values, "clients": named}
        if values.get("data"):
            raise ValueError(f"--clients {named[0] if named else ''} and DATA both name data: leave one of them out")
        from pathlib import Path

        paths = inside(named[0]) if len(named) == 1 and Path(named[0]).is_dir() else list(named)
        return {**values, "data": tuple(paths), "clients": (EACH,)}

    @field_validator("partition")
    @classmethod
    def _known_partition(cls, value: str) -> str:
        parse_partition(value)
        return value

    @field_validator("algorithm")
    @classmethod
    def _known_algorithm(cls, value: str) -> str:
        parse_algorithm(value)
        return value

    @property
    def parts(self) -> int | None:
        """How many clients the data are dealt out to; None where each DATA is a client's."""
        return None if self.clients == (EACH,) else int(self.clients[0])

    @property
    def trained_by(self) -> Algorithm:
        """The algorithm as it was given."""
        return parse_algorithm(self.algorithm)

    @property
    def is_private(self) -> bool:
        """Whether what is sent is clipped and noised."""
        return self.dp_noise is not None or self.dp_epsilon is not None

    @property
    def of_rounds(self) -> list[str]:
        """The options given that only algorithms of local steps have."""
        given = {
            "--rounds": self.rounds is not None, "--local-steps": self.local_steps is not None,
            "--fraction": self.fraction < 1, "--dp-clip": self.dp_clip is not None,
        }  # fmt: skip
        return [name for name, there in given.items() if there]

    def check_federation(self, *, averages: bool) -> None:
        """Raise ValueError for options that don't go together; ``averages``: the algorithm is one of local steps."""
        if self.parts is not None and self.parts < 2:
            raise ValueError(f"--clients {self.parts}: expected at least 2 clients")
        if self.parts is None and self.partition != "iid":
            raise ValueError(
                f"--partition {self.partition} deals rows out, and here each DATA is a client's: leave it out"
            )
        if self.dp_noise is not None and self.dp_epsilon is not None:
            raise ValueError("--dp-noise and --dp-epsilon: give one of them, as either follows from the other")
        if self.is_private and self.dp_clip is None:
            raise ValueError("--dp-noise and --dp-epsilon need --dp-clip, for example --dp-clip 1")
        if self.of_rounds and not averages:
            name = self.of_rounds[0]
            raise ValueError(f"{name} goes with --algorithm fedavg or fedprox; exact sums have no local steps")


def _is_number(text: str) -> bool:
    return text.lstrip("-").isdecimal()
