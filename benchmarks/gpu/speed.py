"""How fast the device is, and how near to that a training comes: images a second beside loops by hand."""

from collections.abc import Callable

import torch
from deconv_setup import Case, make_case
from deconv_worker import make_solver
from torch import Tensor, nn

from dlcli.networks.model.deconv import DeconvNet
from gpu.loops import Step, hand_loop, plain_loop
from gpu.setting import Setting
from gpu.table import OPEN, Table

TIMES_PLAIN, OF_HAND = 3.0, 0.95  # what dlcli should reach
BFLOAT16_BYTES = 2


def machine(setting: Setting, table: Table) -> None:
    """The card, and its measured rates."""
    table.add("torch", f"{torch.__version__}, CUDA {torch.version.cuda or 'not built in'}")
    if setting.on_gpu:
        facts = torch.cuda.get_device_properties(setting.device)
        table.add("card", f"{facts.name}, {facts.total_memory / 2**30:.0f} GiB, compute {facts.major}.{facts.minor}")
        table.add("cuDNN", torch.backends.cudnn.version())
    rates(setting, table)


def rates(setting: Setting, table: Table) -> tuple[float, float]:
    """Operations a second of a bfloat16 matrix product, and bytes a second of a copy, read and written."""
    side = 8192 if setting.on_gpu else 512
    a, b = (torch.randn(side, side, device=setting.device).bfloat16() for _ in range(2))
    matrix = 2 * side**3 / setting.seconds_of(lambda: torch.mm(a, b), setting.seconds / 2)
    size = 2**30 if setting.on_gpu else 2**25
    x = torch.empty(size, dtype=torch.uint8, device=setting.device)
    y = torch.empty_like(x)
    memory = 2 * size / setting.seconds_of(lambda: y.copy_(x), setting.seconds / 2)
    table.add("bfloat16 matrix product", f"{matrix / 1e12:.4g} TFLOP/s", side=side)
    table.add("memory bandwidth", f"{memory / 1e9:.4g} GB/s")
    return matrix, memory


def work_of(case: Case) -> tuple[float, float]:
    """Operations of a step for an image, and bytes that it must move.

    Operations: two for each multiply-add of the layers, forwards and twice backwards. Bytes: each layer's input and
    output in bfloat16, forwards once and backwards twice.
    """
    plan = case.plan
    totals = [0.0, 0.0]

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        # A convolution takes each weight at each of its outputs, a deconvolution at each of its inputs.
        places = inputs[0] if isinstance(module, nn.ConvTranspose2d) else output
        totals[0] += module.get_parameter("weight").numel() * places.shape[2] * places.shape[3]
        totals[1] += inputs[0].numel() + output.numel()

    with torch.device("meta"), torch.no_grad():
        network = DeconvNet(plan.spec)
        for module in network.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                module.register_forward_hook(count)
        network(torch.empty(1, plan.spec.input_channels, plan.batches.side, plan.batches.side))
    return 3 * 2 * totals[0], 3 * BFLOAT16_BYTES * totals[1]


def contenders(preset: str, data: str, setting: Setting) -> dict[str, Callable[[], Step]]:
    """Each as a function that makes it; the name of what compiles says so."""
    device = setting.device

    def case(**more: object) -> Case:
        return make_case(preset, data, device=device, **setting.sizes, **more)  # type: ignore[arg-type]

    def dlcli(**more: object) -> Step:
        # Stretches of steps, as the loop takes them: what they came to is read once in each.
        solver = make_solver(case(**more))
        return lambda: solver.advance(solver.step + setting.stretch, float("inf"))

    found: dict[str, Callable[[], Step]] = {
        "plain loop, eager float32": lambda: plain_loop(case(), device),
        "by hand": lambda: hand_loop(case(), device, graph=False, compiled=False),
        "dlcli": dlcli,
        "dlcli, --optimizer adam": lambda: dlcli(optimizer="adam"),
    }
    if setting.on_gpu:
        found |= {
            "by hand, CUDA graph": lambda: hand_loop(case(), device, graph=True, compiled=False),
            "by hand, compiled": lambda: hand_loop(case(), device, graph=False, compiled=True),
            "by hand, compiled, CUDA graph": lambda: hand_loop(case(), device, graph=True, compiled=True),
            "dlcli, --compile on": lambda: dlcli(compiled=True),
        }
    return found


def training_speed(setting: Setting, table: Table) -> None:
    """Images a second of the article's network and of the default one; what has to be compiled comes last."""
    matrix, memory = rates(setting, table)
    left: list[tuple[str, str, Callable[[], Step]]] = []
    cases: dict[str, Case] = {}
    for preset in ("article", "fast"):
        data = setting.leaves(3 if preset == "article" else 1)
        cases[preset] = case = make_case(preset, data, device=setting.device, **setting.sizes)
        filters = ",".join(map(str, case.plan.spec.filters))
        size = case.plan.batches.size
        table.add(preset, f"filters {filters}, depth {case.plan.spec.depth}, batches of {size}, {case.plan.loss}")
        left += [(preset, name, make) for name, make in contenders(preset, data, setting).items()]
    found: dict[str, dict[str, float]] = {preset: {} for preset in cases}
    for compiles in (False, True):
        chosen = [(preset, name, make) for preset, name, make in left if ("compile" in name) == compiles]
        for preset, name, make in chosen:
            what, case = f"{preset}: {name}", cases[preset]
            if setting.left() < 0:
                table.add(what, f"{OPEN}: no time left")
                continue
            setting.reset_peak()
            try:
                rate = _rate(name, make, case, setting)
            except Exception as error:
                table.add(what, f"failed: {type(error).__name__}: {str(error)[-300:]}", False)
                continue
            found[preset][name] = rate
            operations, moved = work_of(case)
            shares = (
                f"{rate * operations / matrix:.0%} of the matrix rate, {rate * moved / memory:.0%} of the bandwidth"
            )
            table.add(what, f"{rate:.4g} images/s, {shares}; {setting.peak()}")
        for preset in cases if chosen else ():
            _ratios(preset, found[preset], setting, table, last=compiles or not setting.on_gpu)


def _rate(name: str, make: Callable[[], Step], case: Case, setting: Setting) -> float:
    """Images a second."""
    stretch = setting.stretch if name.startswith("dlcli") else 1
    warm_up = 1 if setting.quick or stretch > 1 else 10
    return case.plan.batches.size * stretch / setting.seconds_of(make(), setting.seconds, warm_up)


def _ratios(preset: str, found: dict[str, float], setting: Setting, table: Table, *, last: bool) -> None:
    """What dlcli's fastest is beside the others; judged with the ``last`` of them."""
    ours = max((rate for name, rate in found.items() if name.startswith("dlcli")), default=None)
    if ours is None:
        return
    # On a CPU, and in short stretches, these are no targets: benchmarks/deconv.py measures them there.
    judged = setting.on_gpu and not setting.quick and last
    so_far = "" if last else ", nothing compiled"
    for others, beside, target in (
        ("plain", "the plain loop", TIMES_PLAIN),
        ("by hand", "the fastest by hand", OF_HAND),
    ):
        rates = [rate for name, rate in found.items() if name.startswith(others)]
        if rates:
            times = ours / max(rates)
            text = f"{times:.2f} (at least {target:g} on a GPU)"
            table.add(f"{preset}: dlcli by {beside}{so_far}", text, times >= target if judged else None)
