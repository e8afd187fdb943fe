"""The same batch and the same weights on the CPU and on the device: loss, gradient, and the steps that follow."""

from collections.abc import Callable
from dataclasses import replace
from math import inf

import torch
from deconv_setup import Case, make_case
from torch import Tensor

from dlcli.networks.data.batch import Batch
from dlcli.networks.training.factory import make_solver
from dlcli.networks.training.problem import make_problem
from dlcli.networks.training.solver import NetworkSolver
from gpu.setting import Setting
from gpu.table import OPEN, Table

# Relative to the loss, and to the norm of the gradient; bfloat16 has 8 bits, and its roundings add up over the layers.
LOSS, GRADIENT = 1e-5, 1e-3
HALF_LOSS, HALF_GRADIENT = 0.02, 0.1
BATCH = 4  # images, as one CPU computes on them too
AWAY = 0.01  # from the first weights, in each
STEPS = 24  # by then there is a graph
DRIFT = 0.05  # of the way that the weights went in these steps
PRESETS = ("fast", "article", "rednet", "large")
OPTIMIZERS = ("muon", "adam", "adamw", "sgd")


def agreement(setting: Setting, table: Table) -> None:
    """Each preset's loss and gradient; the steps of each optimizer that are waited for, and those that aren't."""
    checks: list[tuple[str, Callable[[], None]]] = []
    for preset in PRESETS[: 1 if setting.quick else None]:
        for half in (False, True):
            name = f"{preset}, {'bfloat16' if half else 'float32'}"
            checks.append((name, lambda p=preset, h=half, n=name: _gradient(p, n, setting, table, half=h)))  # type: ignore[misc]
    for optimizer in OPTIMIZERS[: 1 if setting.quick else None]:
        name = f"fast, {optimizer}, {STEPS} steps"
        checks.append((name, lambda o=optimizer, n=name: _steps(o, n, setting, table)))  # type: ignore[misc]
    for name, check in checks:
        if setting.left() < 0:
            table.add(name, f"{OPEN}: no time left")
            continue
        try:
            check()
        except Exception as error:
            table.add(name, f"failed: {type(error).__name__}: {str(error)[-300:]}", False)


def _case(preset: str, device: str, setting: Setting, *, half: bool, optimizer: str | None = None) -> Case:
    small = {"batch_size": BATCH} | setting.sizes | ({"filters": "8", "depth": 1} if setting.quick else {})
    data = setting.leaves(3 if preset == "article" else 1)
    return make_case(preset, data, device=device, amp="on" if half else "off", optimizer=optimizer, **small)


def _solver(case: Case, weights: dict[str, Tensor] | None = None, *, unread: bool = False) -> NetworkSolver:
    """As train-deconv makes it, from ``weights`` where they are given."""
    plan = replace(case.plan, execution=replace(case.plan.execution, unread=unread))
    problem = make_problem(plan, case.images, case.restoration)
    if weights is not None:
        problem.network.load_state_dict(weights)
    return make_solver(plan, problem)


def _gradient(preset: str, name: str, setting: Setting, table: Table, *, half: bool) -> None:
    here = _solver(_case(preset, "cpu", setting, half=False))
    # Where residuals begin at zero, the first gradient is that of the last layer alone.
    vector = here.weights.flat.detach()
    vector.add_(torch.randn(len(vector), generator=torch.Generator().manual_seed(0)), alpha=AWAY)
    there = _solver(_case(preset, setting.device, setting, half=half), here.weights.network.state_dict())
    batch = here.guard.batches(0, here.guard.batch_size)
    base = None if batch.base is None else batch.base.to(setting.device)
    moved = Batch(batch.input.to(setting.device), base, batch.target.to(setting.device))
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False):
        losses = [solver.gradient.backward(b, 0) for solver, b in ((here, batch), (there, moved))]
    gradients = [solver.weights.gradient.detach().cpu().double() for solver in (here, there)]
    loss = abs(losses[1] - losses[0]) / abs(losses[0])
    gradient = float((gradients[1] - gradients[0]).norm() / gradients[0].norm())
    most = (HALF_LOSS, HALF_GRADIENT) if half else (LOSS, GRADIENT)
    table.add(f"{name}: loss of one batch", f"differs by {loss:.2g} (at most {most[0]:g})", loss <= most[0])
    text = f"differs by {gradient:.2g} (at most {most[1]:g})"
    table.add(f"{name}: its gradient", text, gradient <= most[1])


def _steps(optimizer: str, name: str, setting: Setting, table: Table) -> None:
    """On the device alone: steps that the host waits for, and those that it doesn't, by a CUDA graph at the end."""
    case = _case("fast", setting.device, setting, half=False, optimizer=optimizer)
    read = _solver(case)
    start = read.parameters()
    unread = _solver(case, start, unread=True)
    for solver in (read, unread):
        solver.advance(STEPS, inf)
    first, one, other = (torch.cat([t.flatten() for t in p.values()]) for p in
                         (start, read.parameters(), unread.parameters()))  # fmt: skip
    drift = float((other - one).norm() / (one - first).norm())
    table.add(f"{name}, not waited for", f"differ by {drift:.2g} of their way (at most {DRIFT:g})", drift <= DRIFT)
    assert unread.unread is not None
    good = unread.unread.graphed and not unread.guard.warnings
    done = "yes" if setting.on_gpu else "the same calls, as a CPU has none"
    table.add(f"{name}, by a CUDA graph", "; ".join(unread.guard.warnings) or (done if good else "no"), good)
