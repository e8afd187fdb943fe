"""TOML as people's editors write it, and as config.toml has it."""

import re
import tomllib
from pathlib import Path

from dlcli.errors import DlcliError
from dlcli.files import JsonObject
from dlcli.passwords import hidden

MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def parsed(file: Path) -> JsonObject:
    """The settings of a TOML file in UTF-8, with a byte-order mark or without, or UTF-16. Raises DlcliError."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise DlcliError(f"--config {file}: {error.strerror or error}", "give a readable TOML file") from None
    try:
        return tomllib.loads(raw.decode(_encoding(raw)).replace("\r\n", "\n"))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DlcliError(f"--config {file}: line {line} is not UTF-8 text", "save the file as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise DlcliError(f"--config {file} is not valid TOML: {error}", "fix the file") from None


def _encoding(raw: bytes) -> str:
    for mark, encoding in MARKS:
        if raw.startswith(mark):
            return encoding
    # TOML has no NUL: where there is one among the first two bytes, it's UTF-16 without a mark.
    if b"\0" in raw[:2]:
        return "utf-16-be" if raw[:1] == b"\0" else "utf-16-le"
    return "utf-8"


def writable(value: object) -> object:
    """TOML is valid Unicode: bytes of a file name that are not UTF-8 are written as text such as ``\\udce9``.

    No URL keeps its password.
    """
    if isinstance(value, list):
        return [writable(item) for item in value]
    return hidden(value).encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def restored(value: object) -> object:
    """What ``writable`` was given."""
    if isinstance(value, list):
        return [restored(item) for item in value]
    return re.sub(r"\\u(dc[89a-f][0-9a-f])", lambda m: chr(int(m[1], 16)), value) if isinstance(value, str) else value
