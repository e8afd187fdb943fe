"""Plain Optuna on dlcli's training function.

    python plain_optuna.py SEED SECONDS LOW:HIGH POINTS FILTERS,... train-deconv ...

Random points and the median pruner, as Optuna's tutorial has them. Prints a line of JSON.
"""

import json
import sys
import time
from typing import Any

import optuna

from dlcli.cli.app import parse_config
from dlcli.engine.progress import Silent
from dlcli.networks.trials import NetworkTrials
from dlcli.search.settings import TrainingConfigs
from dlcli.search.space import Point, parse_axis


def main() -> None:
    """Search until the time is over."""
    seed, seconds, rates, points = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    filters = sys.argv[5].split(",")
    base = parse_config(sys.argv[6], sys.argv[7:])
    start = time.monotonic()
    trials, configs = NetworkTrials(base, Silent()), TrainingConfigs(base, seed)
    choices = list(parse_axis("--lr", "lr", rates, numeric=True, log=True).points(points))

    def objective(trial: optuna.Trial) -> float:
        params: dict[str, Any] = {
            "lr": trial.suggest_categorical("lr", choices), "filters": trial.suggest_categorical("filters", filters),
        }  # fmt: skip
        run = next(iter(trials.start(configs.of(Point(trial.number, params)), lambda: None)))
        for number, step in enumerate(run.steps):
            if step.status == "diverged":
                raise optuna.TrialPruned
            if step.step:
                trial.report(step.metrics["psnr"], number)
                if trial.should_prune():
                    raise optuna.TrialPruned
            if time.monotonic() - start > seconds:  # its time is over: what hasn't ended doesn't count
                study.stop()
                raise optuna.TrialPruned
        return float(run.metrics()["val"]["psnr"])

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler, pruner = optuna.samplers.RandomSampler(seed=seed), optuna.pruners.MedianPruner()
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    study.optimize(objective, timeout=seconds)
    print(json.dumps({"seconds": time.monotonic() - start, "trials": len(study.trials), "best": study.best_params}))


if __name__ == "__main__":
    main()
