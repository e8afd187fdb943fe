"""One contender in a process of its own: python deconv_worker.py CONTENDER PRESET DATA [--busy].

Prints a line of JSON when it has warmed up; then reads numbers of seconds from standard input, one a line, trains for
so long, and prints what it did. ``--busy``: one thread, and the time of the processor instead of the clock on the wall.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from deconv_peers import PEERS, Run
from deconv_setup import Case, Stopwatch, make_case
from torch import nn

from dlcli.engine.precision import bfloat16_is_fast
from dlcli.networks.training.factory import make_solver as make_network_solver
from dlcli.networks.training.problem import make_problem
from dlcli.networks.training.solver import NetworkSolver

WARM_UP_STEPS = 3
SIDE = 2048  # of the matrices

Clock = Callable[[], float]


def make_solver(case: Case) -> NetworkSolver:
    """The solver as train-deconv makes it; nothing is written."""
    torch.manual_seed(case.config.seed)
    torch.set_flush_denormal(True)
    solver = make_network_solver(case.plan, make_problem(case.plan, case.images, case.restoration))
    solver.init(time.monotonic())
    return solver


def dlcli_loop(case: Case, clock: Clock) -> tuple[Run, Callable[[], float]]:
    """dlcli's own loop, and the seconds that its batches have taken so far."""
    solver = make_solver(case)
    batches, spent = solver.guard.batches, [0.0]

    def timed(step: int, size: int) -> Any:
        start = clock()
        batch = batches(step, size)
        spent[0] += clock() - start
        return batch

    solver.guard.batches = timed

    def run(over: Callable[[], bool]) -> int:
        before = solver.images_seen
        while not over():
            solver.advance(solver.step + 1, float("inf"))
            if not solver.termination.running:
                raise SystemExit(f"dlcli stopped: {solver.termination.reason}")
        return solver.images_seen - before

    return run, lambda: spent[0]


def step_operations(case: Case) -> float:
    """Floating-point operations of a step: two for each multiply-add of the layers, forwards and twice backwards."""
    network = make_solver(case).weights.network
    total = 0

    def count(module: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal total
        # A convolution takes each weight at each of its outputs, a deconvolution at each of its inputs.
        places = inputs[0] if isinstance(module, nn.ConvTranspose2d) else output
        total += module.weight.numel() * len(places) * places.shape[2] * places.shape[3]

    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            module.register_forward_hook(count)
    plan = case.plan
    with torch.no_grad():
        network(torch.rand(plan.batches.size, plan.spec.input_channels, plan.batches.side, plan.batches.side))
    return 3.0 * 2.0 * total


def matrix_rates(seconds: float, clock: Clock) -> dict[str, float]:
    """Highest rate of a product of square matrices in each type, in operations a second."""
    best = {}
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        a, b = torch.randn(SIDE, SIDE).to(dtype), torch.randn(SIDE, SIDE).to(dtype)
        shortest, begin = float("inf"), clock()
        while clock() - begin < seconds / 2:
            start = clock()
            torch.mm(a, b)
            shortest = min(shortest, clock() - start)
        best[name] = 2.0 * SIDE**3 / shortest
    return best


def describe(case: Case) -> dict[str, Any]:
    """What a step is, for the heading."""
    plan, spec, side = case.plan, case.plan.spec, case.plan.batches.side
    weights = sum(p.numel() for p in make_solver(case).weights.network.parameters())
    text = (
        f"{spec.input_channels} channels, crops of {side} x {side}, batch {plan.batches.size}, filters "
        f"{','.join(map(str, spec.filters))}, depth {spec.depth}, {weights:,} weights, {plan.loss}, "
        f"{plan.optimizer.name}"
    )
    return {
        "text": text,
        "optimizer": plan.optimizer.name,
        "operations": step_operations(case) / plan.batches.size,
        "bfloat16": bfloat16_is_fast("cpu"),
        "threads": torch.get_num_threads(),
    }


def main() -> None:
    """Answer until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contender")
    parser.add_argument("preset")
    parser.add_argument("data", type=Path)
    parser.add_argument("--busy", action="store_true")
    options = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints goes with the errors
    clock = time.process_time if options.busy else time.perf_counter
    if options.busy:
        torch.set_num_threads(1)

    def answer(values: dict[str, Any]) -> None:
        answers.write(json.dumps(values) + "\n")
        answers.flush()

    if options.contender == "matrices":
        answer({})
        for line in sys.stdin:
            answer(matrix_rates(float(line), clock))
        return
    words = options.contender.split()
    optimizer = words[words.index("--optimizer") + 1] if "--optimizer" in words else None
    case = make_case(options.preset, str(options.data), compiled="--compile" in words, optimizer=optimizer)
    spent: Callable[[], float] = lambda: 0.0  # noqa: E731
    if options.contender.startswith("dlcli"):
        run, spent = dlcli_loop(case, clock)
    elif options.contender in PEERS:
        run = PEERS[options.contender](case)
    else:
        from deconv_lightning import LIGHTNING

        run = LIGHTNING[options.contender](case)
    run(Stopwatch(clock, steps=WARM_UP_STEPS).over)
    answer(describe(case))
    for line in sys.stdin:
        run(Stopwatch(clock, steps=1).over)  # what ran in between has emptied the caches
        before, watch = spent(), Stopwatch(clock, seconds=float(line))
        run(watch.over)
        rate = case.plan.batches.size / watch.median_step()
        answer({"rate": rate, "seconds": watch.elapsed, "pipeline": spent() - before})


if __name__ == "__main__":
    main()
