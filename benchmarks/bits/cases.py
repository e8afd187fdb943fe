"""The command lines that are compared: each case runs its commands in order, in a folder of its own."""

from dataclasses import dataclass

# A network and a run so small that a step takes milliseconds.
NET = "--filters 4 --depth 0 --crop 16 --batch-size 4 --steps 12 --report-every 4 --threads 1"
DEEP = "--filters 4 --depth 1 --crop 16 --batch-size 4 --steps 12 --report-every 4 --threads 1"


@dataclass(frozen=True)
class Case:
    """Commands to run one after the other, each as its words.

    Where a command begins with ``@N FILE``, it gets SIGINT as it opens FILE for the N-th time.
    """

    name: str
    commands: tuple[str, ...]

    @property
    def text(self) -> str:
        """All commands; the results are kept under it."""
        return "\n".join(self.commands)


def _linear() -> list[Case]:
    """Optimizers, penalties, inputs and ways of validation of fit-linear, and what is done with its models."""
    fit = "fit-linear data/numbers.csv --target y --json"
    two = "fit-linear data/two.csv --target class --json"
    three = "fit-linear data/three.csv --target class --json"
    few = "--steps 300 --lr 0.05"
    gaps = "fit-linear data/gaps.csv --target price --text kind --json"
    return [
        Case("linear-bare", ("fit-linear --json",)),
        Case("linear-gd", (fit, f"{fit} --momentum 0.9 --nesterov", f"{fit} --no-standardize --no-intercept")),
        Case("linear-sgd", (f"{fit} --optimizer sgd --momentum 0.5 {few} --val 0.2", f"{two} --optimizer sgd {few}")),
        Case("linear-adam", (f"{fit} --optimizer adam {few} --l1 0.01", f"{three} --optimizer adam {few} --l2 0.1")),
        Case("linear-rates", (f"{fit} --optimizer adam --steps 200", f"{two} --optimizer sgd --steps 200")),
        Case("linear-dropout", (f"{three} --optimizer adam {few} --dropout 0.2 --seed 3",)),
        Case("linear-newton", (two, f"{three} --l2 0.01", f"{two} --l1 0.02 --val 0.25")),
        Case("linear-lbfgs", (f"{two} --optimizer lbfgs", f"{three} --optimizer lbfgs --l2 0.01")),
        Case("linear-exact", (f"{fit} --optimizer exact", f"{fit} --optimizer exact --l2 0.1 --val 0.2")),
        Case("linear-classes-gd", (f"{two} --optimizer gd --steps 500",
                                   f"{three} --optimizer gd --l1 0.01 --steps 500")),
        Case("linear-penalties", (f"{fit} --l1 0.1", f"{fit} --l2 0.1", f"{fit} --l1 0.05 --l2 0.05 --momentum 0.5")),
        Case("linear-early-stop", (f"{fit} --val 0.3 --early-stop 2 --lr 0.01 --report-every 3 --tolerance 0",
                                   f"{three} --optimizer adam --lr 0.05 --val 0.3 --early-stop 2 --report-every 5")),
        Case("linear-cv", (f"{fit} --cv 5", f"{three} --cv 3", f"{fit} --cv 3 --optimizer sgd {few} --val 0.2")),
        Case("linear-gaps", (f"{gaps} --missing drop", f"{gaps} --missing mean --val 0.2 --optimizer exact")),
        Case("linear-formats", ("fit-linear data/numbers.npy --target 5 --json",
                                "fit-linear data/numbers.jsonl --target y --json",
                                f"{fit} --features a,c --seed 5 --data-seed 1 --val 0.2", f"{fit} --drop b")),
        Case("linear-config", (f"{fit} --l2 0.3 --steps 50 --out one", "fit-linear --config one/config.toml --json")),
        Case("linear-diverges", (f"{fit} --lr 5 --steps 400", f"{fit} --optimizer exact --l1 1")),
        Case("linear-apply", (
            f"{fit} --val 0.2 --out model",
            "eval model data/new.csv --json --check r2>=0.5 --out seen.json",
            "eval model --json", "eval model data/new.csv --json --check rmse<0.001",
            "predict model data/new.csv", "predict model data/new.csv --out new.csv",
            "predict model data/new.csv --out new.parquet", "predict model",
        )),
        Case("linear-apply-classes", (
            f"{three} --out model", "eval model data/three.csv --json", "predict model data/three.csv",
            f"{gaps} --missing mean --out gaps", "predict gaps data/gaps.csv",
            "predict gaps data/gaps.csv --missing drop", "eval gaps data/gaps.csv --json",
        )),
    ]  # fmt: skip


def _schedules() -> list[Case]:
    """Each schedule in full-batch descent, on rows, on classes, and in a network."""
    options = {
        "time": "--decay-rate 0.05", "step": "--decay-every 7 --decay-factor 0.6", "exponential": "--decay-factor 0.99",
        "polynomial": "--decay-power 2", "cosine": "", "constant": "", "one-cycle": "", "adagrad": "",
        "hypergradient": "--hyper-lr 0.01", "polyak": "", "barzilai-borwein": "",
        "plateau": "--plateau-patience 2 --decay-factor 0.4",
    }  # fmt: skip
    cases = []
    for name, more in options.items():
        schedule = f"--schedule {name} {more}".strip()
        commands = [
            f"fit-linear data/numbers.csv --target y --steps 60 --report-every 10 {schedule} --json",
            f"fit-linear data/numbers.csv --target y --lr 0.1 --momentum 0.5 --l1 0.01 --steps 60 {schedule} --json",
            f"fit-linear data/two.csv --target class --optimizer adam --lr 0.03 --steps 60 {schedule} --json",
            f"fit-linear data/three.csv --target class --optimizer gd --steps 60 {schedule} --json",
            f"train-deconv data/gray {NET} --optimizer sgd --lr 0.01 {schedule} --json",
        ]
        cases.append(Case(f"schedule-{name}", tuple(commands)))
    return cases


def _networks() -> list[Case]:
    """Tasks, optimizers, presets, penalties and stops of train-deconv, and what is done with its models."""
    train = f"train-deconv data/gray {NET} --json"
    classify = (
        "train-deconv data/shapes --task classify --batch-size 8 --steps 12 --report-every 4 --threads 1 --filters 4,4 "
        "--val 0.25 --json"
    )
    apply = ("predict model data/apply --out restored --threads 1 --quiet",)
    measure = ("eval model data/gray --json --threads 1 --check psnr>=60",)
    resumed = "train-deconv --resume model --json"
    return [
        Case("deconv-denoise", (f"{train} --out model", *apply, *measure, "eval model --json --threads 1",
                                "predict model data/gray --out tiled --tile 16 --threads 1 --quiet",
                                "eval model data/gray --sigma 15 --seed 4 --worst 3 --json --threads 1")),
        Case("deconv-color", (f"train-deconv data/color {DEEP} --sigma 0:55 --augment flips --json --out model",
                              *apply, "eval model data/color --json --threads 1")),
        Case("deconv-poisson", (f"{train} --poisson 30 --amp off --out model", *measure)),
        Case("deconv-deblur", (f"{train} --task deblur --blur motion:5:30 --out model", *apply, *measure)),
        Case("deconv-kernels", (f"{train} --task deblur --blur data/kernels.npz --sigma 5 --out model", *measure,
                                "eval model data/gray --kernel 1 --json --threads 1", *apply)),
        Case("deconv-upscale", (f"{train} --task upscale --scale 3 --out model", *apply, *measure)),
        Case("deconv-inpaint", (f"{train} --task inpaint --holes 0.4 --out model", *measure,
                                "predict model data/gray --mask data/mask.png --out restored --threads 1 --quiet")),
        Case("deconv-mask", (f"{train} --task inpaint --mask data/mask.png --out model", *measure)),
        Case("deconv-dejpeg", (f"{train} --task dejpeg --quality 20:80 --out model", *apply,
                               "eval model data/gray --quality 10 --json --threads 1")),
        Case("deconv-reconstruct", (f"{train} --task reconstruct --filters 4,8 --stride 2 --out model",
                                    *apply, *measure)),
        Case("deconv-pairs", (f"train-deconv data/noisy data/clean {NET} --task pairs --json --out model", *apply,
                              "eval model data/noisy data/clean --json --threads 1")),
        Case("deconv-classify", (f"{classify} --out model", "predict model data/shapes --threads 1",
                                 "predict model data/shapes --out classes.csv --threads 1 --quiet",
                                 "eval model data/shapes --json --threads 1 --check accuracy>=1")),
        Case("deconv-classify-shifts", (f"{classify} --augment shifts --dropout 0.3 --l2 0.01 --optimizer adamw",)),
        Case("deconv-article", ("train-deconv data/gray --arch article --crop 16 --batch-size 4 --epochs 1 "
                                "--threads 1 --report-every 2 --json",)),
        Case("deconv-rednet", ("train-deconv data/gray --arch rednet --filters 4,4,4 --crop 16 --batch-size 2 "
                               "--steps 6 --threads 1 --json",)),
        Case("deconv-large", ("train-deconv data/color --arch large --filters 4,8 --depth 1 --crop 16 "
                              "--batch-size 2 --steps 4 --threads 1 --json",)),
        Case("deconv-fast", ("train-deconv data/gray --crop 32 --batch-size 2 --steps 4 "
                             "--threads 1 --amp off --json",)),
        Case("deconv-generated", (f"train-deconv {NET} --amp off --json --gray --seed 2 --data-seed 9",)),
        Case("deconv-muon", (f"train-deconv data/gray {DEEP} --optimizer muon --lr 0.02 --warmup 3 --l2 0.01 --json",
                             f"train-deconv data/gray {DEEP} --optimizer muon --l1 0.001 --amp off --json")),
        Case("deconv-adam", (f"{train} --optimizer adam --lr 0.003 --l1 0.001 --l2 0.001",
                             f"{train} --optimizer adamw")),
        Case("deconv-sgd", (f"{train} --optimizer sgd --lr 0.05 --momentum 0.8 --clip 0.1 --amp off",)),
        Case("deconv-losses", (f"{train} --loss l1", f"{train} --loss charbonnier --ema 0.5", f"{train} --loss bce")),
        Case("deconv-shape", ("train-deconv data/gray --filters 4,6 --kernel 5 --stride 1,2 --depth 1 --skip "
                              "--activation leaky-relu --crop 16 --batch-size 3 --steps 6 --threads 1 --json",
                              f"{train} --activation gelu --no-skip --dropout 0.1", f"{train} --activation tanh")),
        Case("deconv-early-stop", (f"{train} --lr 0.3 --early-stop 1 --report-every 1 --val 0.3",)),
        Case("deconv-no-validation", (f"{train} --val 0 --memory 0.00001",)),
        Case("deconv-resume", (f"@2 metrics.jsonl {train} --schedule cosine --ema 0.9 --out model", resumed)),
        Case("deconv-resume-muon", (f"@3 metrics.jsonl train-deconv data/gray {DEEP} --steps 20 --json --out model",
                                    resumed, f"{resumed} --steps 30")),
        Case("deconv-resume-schedules", (f"@2 metrics.jsonl {train} --schedule hypergradient --out model", resumed,
                                         f"@2 metrics.jsonl {classify} --schedule plateau --out classes",
                                         "train-deconv --resume classes --json")),
    ]  # fmt: skip


def _searches() -> list[Case]:
    """Grids, random points, TPE, halving, batched networks, folds and range tests of tune-lr."""
    fit = "fit-linear data/numbers.csv --target y --steps 40 --report-every 10 --tolerance 0"
    rows = "fit-linear data/three.csv --target class --optimizer adam --steps 40 --report-every 10 --val 0.2"
    train = f"train-deconv data/gray {NET} --amp off"
    tune = "tune-lr --json"
    return [
        Case("tune-grid", (f"{tune} --lr 1e-3:0.1 --points 5 --vary schedule=constant,time,polyak {fit} --val 0.2",
                           "fit-linear --config runs/tune-lr-001/best.toml --json")),
        Case("tune-random", (f"{tune} --random --trials 8 --vary l2=1e-4:1:log --seed 3 {fit} --val 0.2",)),
        Case("tune-tpe", (f"{tune} --tpe --trials 8 --fuse off --vary momentum=0:0.9 {fit}",)),
        Case("tune-folds", (f"{tune} --lr 0.001,0.01,0.1 --cv 3 {fit}",
                            f"{tune} --lr 0.001,0.01 --repeats 3 --metric accuracy {rows}")),
        Case("tune-rows-stacked", (f"{tune} --lr 1e-3:0.03 --points 4 --vary dropout=0,0.2 --fuse 8 {rows}",)),
        Case("tune-rows-plain", (f"{tune} --lr 1e-3:0.03 --points 4 --fuse off {rows}",)),
        Case("tune-halving", (f"{tune} --lr 1e-3:0.1 --points 6 --pruner asha --fuse off {fit} --val 0.2",)),
        Case("tune-hyperband", (f"{tune} --random --trials 6 --pruner hyperband {rows}",)),
        Case("tune-network-stacked", (f"{tune} --lr 1e-3:0.03 --points 4 --pruner none --fuse 4 {train}",
                                      f"{tune} --lr 1e-3:0.03 --points 3 --pruner none --fuse 4 {train} "
                                      "--optimizer adam --depth 1 --dropout 0.1 --clip 0.5 --ema 0.5")),
        Case("tune-network-plain", (f"{tune} --lr 1e-3:0.03 --points 3 --pruner none --fuse off {train}",)),
        Case("tune-network-halving", (f"{tune} --lr 1e-3:0.03 --points 4 --vary filters=2,4 --fuse off {train} "
                                      "--steps 32",)),
        Case("tune-network-median", (f"{tune} --random --trials 8 --lr 1e-4:1 --pruner median --fuse off {train} "
                                     "--report-every 2",)),
        Case("tune-classify", (f"{tune} --lr 1e-3,1e-2 --pruner none --fuse off train-deconv data/shapes "
                               "--task classify --filters 4 --batch-size 8 --steps 8 --report-every 4 --val 0.25 "
                               "--threads 1",)),
        Case("tune-sweep", (f"{tune} --sweep --points 40 {fit}", f"{tune} --sweep --points 30 --repeats 2 {rows}",
                            f"{tune} --sweep --lr 1e-5:1 --points 60 {train} --optimizer adam")),
        Case("tune-study", (f"@4 trials.jsonl {tune} --fuse off --lr 1e-3:0.1 --points 5 --study s {rows} --val 0.2",
                            f"{tune} --fuse off --lr 1e-3:0.1 --points 5 --study s {rows} --val 0.2")),
        Case("tune-workers", (f"{tune} --workers 2 --lr 1e-3:0.1 --points 6 {fit} --val 0.2",)),
    ]  # fmt: skip


CASES = (*_linear(), *_schedules(), *_networks(), *_searches())
