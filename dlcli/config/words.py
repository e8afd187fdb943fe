"""The words of a command line: of one that tune-lr keeps, and of a config."""

from collections.abc import Callable, Collection, Sequence

from dlcli.config.base import Config
from dlcli.config.option import field_meta, flags_of
from dlcli.text import quoted


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


def words_of(config: Config, without: Collection[str] = ()) -> str:
    """The options that were given, arguments first, as a shell takes them."""
    arguments: list[str] = []
    options: list[str] = []
    for name in type(config).model_fields:
        if name not in config.model_fields_set or name in without:
            continue
        value = getattr(config, name)
        values = value if isinstance(value, tuple) else (value,)
        if field_meta(type(config), name).argument:
            arguments += [f"./{v}" if str(v).startswith("-") and v != "-" else str(v) for v in values]
            continue
        flags = flags_of(type(config), name)
        if isinstance(value, bool):
            options += [flags[0]] if value else [flags[-1]] * (len(flags) > 1)
        else:
            for one in values:
                # A value that begins with a dash would be taken for an option.
                options += [f"{flags[0]}={one}"] if str(one).startswith("-") else [flags[0], str(one)]
    return " ".join(quoted(word) for word in (*arguments, *options))
