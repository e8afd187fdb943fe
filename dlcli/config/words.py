"""The words of a training's command line, as tune-lr keeps them."""

from collections.abc import Callable, Sequence

from dlcli.config.base import Config
from dlcli.config.option import field_meta, flags_of


def with_paths(words: Sequence[str], change: Callable[[str], str]) -> list[str]:
    """A training's name and its command line, with ``change`` applied to the paths in it."""
    from dlcli.config.fit_linear import FitLinearConfig
    from dlcli.config.train_deconv import TrainDeconvConfig

    configs: dict[str, type[Config]] = {c.command: c for c in (FitLinearConfig, TrainDeconvConfig)}
    if not words or words[0] not in configs:
        return list(words)
    config, done = configs[words[0]], [words[0]]
    rest = iter(words[1:])
    for word in rest:
        if word == "--":
            done += [word, *(_changed(config, "data", path, change) for path in rest)]
            break
        if word == "-" or not word.startswith("-"):
            done.append(_changed(config, "data", word, change))
            continue
        flag, joined, value = word.partition("=")
        name = _field(config, flag)
        if joined:
            done.append(f"{flag}={_changed(config, name, value, change)}")
        else:
            done.append(word)
            if _takes_value(config, name) and (given := next(rest, None)) is not None:
                done.append(_changed(config, name, given, change))
    return done


CONFIG_FILE = "config_file"  # of --config, which no config has as a field


def _field(config: type[Config], flag: str) -> str:
    """The field that ``flag`` sets; empty for one that there isn't."""
    if flag == "--config":
        return CONFIG_FILE
    return next((name for name in config.model_fields if flag in flags_of(config, name)), "")


def _takes_value(config: type[Config], name: str) -> bool:
    """Whether a word follows the flag of a field: not where it says yes or no."""
    if name in ("", CONFIG_FILE):
        return bool(name)
    return not field_meta(config, name).argument and config.model_fields[name].annotation not in (bool, bool | None)


def _changed(config: type[Config], name: str, value: str, change: Callable[[str], str]) -> str:
    return change(value) if name == CONFIG_FILE else str(config.changed(name, value, change))
