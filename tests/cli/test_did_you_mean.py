"""A name that another program would have is answered with the option that does it here; following the answer works."""

import re
import shlex

import pytest

from dlcli.cli.commands import COMMANDS, load
from dlcli.config.option import field_meta, flags_of

# What users of scikit-learn, Keras, PyTorch Lightning, Optuna, statsmodels and R type.
EVERY_TRAINING = {
    "--learning-rate 0.1": "--lr",
    "--learning_rate 0.1": "--lr",
    "--lr-rate 0.1": "--lr",
    "-lr 0.1": "--lr",
    "--weight-decay 0.1": "--l2",
    "--weight_decay 0.1": "--l2",
    "--wd 0.1": "--l2",
    "--validation-split 0.2": "--val",
    "--val-split 0.2": "--val",
    "--test-size 0.2": "--val",
    "--max-iter 9": "--steps",
    "--max-steps 9": "--steps",
    "--num-steps 9": "--steps",
    "--batchsize 9": "--batch-size",
    "--batch_size=9": "--batch-size",
    "-b 9": "--batch-size",
    "--random-state 1": "--seed",
    "--gpu": "--device cuda",
    "-o run": "--out",
    "--output run": "--out",
    "--data_seed 1": "--data-seed",
    "--scheduler cosine": "--schedule",
}
OF_COMMAND = {
    "fit-linear": {
        "--patience 3": "--early-stop with --val 0.2",
        "--epochs 3": "--steps",
        "--tol 1e-6": "--tolerance",
        "--n-splits 5": "--cv",
        "--no-bias": "--no-intercept",
        "--sep ,": "--delimiter",
    },
    "train-deconv": {
        "--patience 3": "--early-stop",
        "--epoch 3": "--epochs",
        "--max_epochs 3": "--epochs",
        "--gradient-clip-val 1": "--clip",
        "--colour": "--color",
        "--greyscale": "--gray",
        "--num-workers 2": "--threads",
    },
    "tune-lr": {
        "--n-trials 9": "--trials",
        "--n_trials 9": "--trials",
        "--scoring r2": "--metric",
        "--n-jobs 2": "--workers",
        "--timeout 5": "--minutes",
        "--learning-rate 0.1": "--lr",
        "-o run": "--out",
        "--cfg x.toml": "--config",
        "--batch_size 8": "--batch-size, after fit-linear",
        "--max-epochs 8 train-deconv": "--epochs, after train-deconv",
        "fit-linear --learning-rate 1": "--lr",
        "fit-linear -o run": "--out, before fit-linear",
        "train-deconv --n-trials 8": "--trials, before train-deconv",
    },
    "eval": {
        "--output r.json": "--out", "--gpu": "--device cuda", "--random_state 1": "--seed", "--jobs 2": "--threads",
    },
    "predict": {
        "-o p.csv": "--out", "--overwrite": "--force", "--cpu": "--device cpu", "--na-values x": "--missing-value",
    },
}  # fmt: skip
CASES = [(c, typed, meant) for c in ("fit-linear", "train-deconv") for typed, meant in EVERY_TRAINING.items()]
CASES += [(c, typed, meant) for c, cases in OF_COMMAND.items() for typed, meant in cases.items()]


@pytest.mark.parametrize(("command", "typed", "meant"), CASES)
def test_an_option_of_another_program_is_answered_in_one_line(app, command, typed, meant):
    words = typed.split()
    wrong = next(word for word in words if word.startswith("-")).partition("=")[0]
    code, out, err = app(command, *words)
    assert (code, out) == (2, "")
    assert err == f"dlcli: no such option {wrong}; did you mean {meant}?\n"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("fit-linear --input x", "'dlcli fit-linear DATA'"),
        ("predict --data x", "'dlcli predict RUN DATA'"),
        ("eval --checkpoint x", "'dlcli eval RUN'"),
        ("tune-lr train-deconv --data-dir x", "'dlcli tune-lr train-deconv DATA'"),
        ("--input x fit-linear", "'dlcli fit-linear DATA'"),
    ],
)
def test_an_argument_needs_no_option(app, words, shown):
    code, out, err = app(*words.split())
    assert (code, out) == (2, "")
    assert err.endswith(f" is given without one, as in {shown}\n")
    assert err.count("\n") == 1


def test_options_before_the_command_and_unknown_ones(app):
    assert app("--lr", "1", "train-deconv")[2].endswith("did you mean --lr, after train-deconv?\n")
    assert app("--zzz")[2] == "dlcli: no such option --zzz: see 'dlcli --help'\n"
    assert app("eval", "--zzz")[2] == "dlcli: no such option --zzz: see 'dlcli eval --help'\n"
    assert app("tune-lr", "fit-linear", "--zzz")[2].endswith(": see 'dlcli tune-lr fit-linear --help'\n")


@pytest.mark.parametrize(
    ("typed", "meant"), [("evaluate", "eval"), ("linear", "fit-linear"), ("train", "train-deconv")]
)
def test_commands(app, typed, meant):
    assert app(typed)[2] == f"dlcli: there is no command '{typed}': did you mean 'dlcli {meant}'?\n"


def other_names():
    for command in COMMANDS:
        config = load(command).config
        for field in config.model_fields:
            meta = field_meta(config, field)
            yield from ((command, name) for name in (*meta.also.split(), *meta.also_as))


ARGUMENTS = {"RUN", "DATA", "NAME", "FOLDER"}


@pytest.mark.thinned(5)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_other_name_is_answered_with_something_that_the_command_takes(app, command):
    """Followed as printed, with a value where the option takes one and the answer names none."""
    config = load(command).config
    required = {"run": "x"} if "run" in config.model_fields else {}
    fields = {flag: name for name in config.model_fields for flag in flags_of(config, name)}
    for name in [name for of, name in other_names() if of == command]:
        flag = ("-" if len(name) == 1 else "--") + name.replace("_", "-")
        if flag in fields:
            continue
        code, out, err = app(command, flag)
        assert (code, out, err.count("\n")) == (2, "", 1)
        if argument := re.search(rf"as in 'dlcli {command} (.*)'$", err.strip()):
            assert set(argument[1].split()) <= ARGUMENTS
            continue
        answer = re.search(r"did you mean (.*)\?$", err.strip())
        assert answer, err
        for choice in answer[1].split(" or "):
            for part in choice.split(" with "):
                given, *value = shlex.split(part)
                assert given in fields or given in ARGUMENTS, err
                if value:
                    more = {"dp_noise": "1"} if given == "--dp-clip" else {}  # asked for in a second line
                    config.build({fields[given]: value[0], **required, **more})


FOLLOWED = [
    ("--learning-rate", ["0.1"]), ("--weight-decay", ["0.1"]), ("--test-size", ["0.2"]), ("--patience", ["3"]),
    ("--max-iter", ["5"]), ("--random-state", ["1"]), ("--cpu", []), ("--no-bias", []), ("--n-splits", ["3"]),
    ("--nesterov-momentum", []), ("--dropout-rate", ["0.1"]), ("--fillna", []),
]  # fmt: skip


@pytest.mark.parametrize(("flag", "value"), FOLLOWED)
def test_the_answer_works_when_it_is_followed(app, flag, value):
    answer = re.search(r"did you mean (.*)\?", app("fit-linear", flag, *value)[2])[1]
    option, _, needs = answer.partition(" with ")
    code, _, err = app("fit-linear", *option.split(), *value, *needs.split(), "--steps", "50", "-q")
    assert (code, err) == (0, "")


@pytest.mark.parametrize("command", ["fit-linear", "train-deconv", "tune-lr"])
def test_the_same_names_in_a_config_file(app, tmp_path, command):
    cases = {
        "learning_rate = 0.1": "lr",
        "random_state = 1": "seed",
        'output = "x"': "out",
        "gpu = true": 'device = "cuda"',
    }
    if command != "tune-lr":
        cases |= {"batch-size = 8": "batch_size", "weight_decay = 0.1": "l2", "validation_split = 0.1": "val"}
    for text, meant in cases.items():
        (tmp_path / "c.toml").write_text(text + "\n")
        code, out, err = app(command, "--config", "c.toml")
        key = text.split()[0]
        assert (code, out) == (2, "")
        assert err == f"dlcli: --config c.toml: no such setting {key}; did you mean {meant}?\n"


def test_flags_of_an_option():
    config = load("fit-linear").config
    assert flags_of(config, "intercept") == ("--intercept", "--no-intercept")
    assert flags_of(config, "quiet") == ("--quiet", "-q")
    assert flags_of(config, "data") == ()
