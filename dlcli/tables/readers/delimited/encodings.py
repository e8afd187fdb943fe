"""From a file's bytes to UTF-8 text with Unix lines."""

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dlcli.errors import DlcliError
from dlcli.text import printable

BOMS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
MARK = codecs.BOM_UTF8
FALLBACK = "dlcli-cp1252"
MOST_CONTROLS = 0.02  # of a text's bytes; more are a file of another kind
_MULTIBYTE = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}")
_CONTROLS = re.compile(rb"[\x00\x03-\x08\x0e-\x19\x1b\x7f]")


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    """The characters that stray bytes are in cp1252 (in latin-1 where that has none)."""
    assert isinstance(error, UnicodeDecodeError)
    stray = error.object[error.start : error.end]
    return "".join(bytes([b]).decode("cp1252", "ignore") or chr(b) for b in stray), error.end


codecs.register_error(FALLBACK, _as_cp1252)


@dataclass(frozen=True)
class Encoding:
    """A codec, the length of the byte-order mark, and whether it was guessed from the bytes or is ``given``."""

    codec: str
    mark: int = 0
    guessed: bool = False
    given: bool = False


def recognize_encoding(start: bytes, option: str | None, label: str) -> Encoding:
    """The encoding of a file that begins with ``start``.

    Raises DlcliError for an encoding that Python doesn't know, and for bytes that are no text.
    """
    name = _codec(option) if option else "utf-8"
    for bom, told in BOMS.items():
        if start.startswith(bom):
            return Encoding(told, len(bom))
    if option:
        return Encoding(name, given=True)
    if b"\0" in start[:4096]:
        if wide := _without_mark(start[:4096]):
            return Encoding(wide, guessed=True)
        # Zeros that fill up the end of a file, or a few strays.
        body = start.rstrip(b"\0\x1a\r\n ")
        if not body or body.count(b"\0") > MOST_CONTROLS * len(body):
            hint = "if it is UTF-16 text without a byte-order mark: --encoding utf-16-le"
            raise DlcliError(f"{label} is not text: it holds zero bytes", hint)
    if len(_CONTROLS.findall(start[:4096].rstrip(b"\0"))) > max(8, MOST_CONTROLS * len(start[:4096])):
        raise DlcliError(f"{label} is not text: it holds control characters", "give a table as text, or as .parquet")
    if not _begins_as_utf8(start) and not re.search(_MULTIBYTE, start):
        return Encoding("latin-1" if re.search(rb"[\x81\x8d\x8f\x90\x9d]", start) else "cp1252", guessed=True)
    return Encoding(name)


def _begins_as_utf8(start: bytes) -> bool:
    """Whether bytes are UTF-8, but for a character that is cut at their end."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return False
    return True


def _without_mark(start: bytes) -> str:
    """UTF-16's name where every other byte is zero, as in Latin text; "" where not."""
    even, odd = start[0::2], start[1::2]
    for name, zeros, others in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if zeros.count(0) > 0.6 * len(zeros) and others.count(0) < 0.05 * max(len(others), 1):
            return name
    return ""


def _codec(option: str) -> str:
    """The canonical name of an encoding; raises DlcliError if it is none."""
    try:
        name = codecs.lookup(option).name
        "a".encode(name)
        "".join(codecs.iterdecode([b""], name))
    except (LookupError, ValueError, TypeError, AttributeError):
        hint = "use one such as --encoding utf-8, latin-1, cp1252 or utf-16"
        raise DlcliError(f"--encoding {printable(option)}: there is no such text encoding", hint) from None
    return name


def as_utf8(pieces: Iterable[bytes], encoding: Encoding, label: str) -> Iterator[bytes]:
    """The pieces of a text, without its byte-order mark, as UTF-8.

    Raises DlcliError for bytes that aren't of the encoding; UTF-8 itself is passed on unchecked, for speed.
    """
    codec = encoding.codec
    decoder = codecs.getincrementaldecoder(codec)(FALLBACK if encoding.guessed and codec == "cp1252" else "strict")
    position = 0
    for piece in pieces:
        part = piece[max(encoding.mark - position, 0) :] if position < encoding.mark else piece
        position += len(piece)
        if codec == "utf-8":
            yield part
            continue
        try:
            yield decoder.decode(part).encode(errors="replace")
        except UnicodeError:
            message = f"{label} is not {codec} text (in the {len(piece)} bytes before byte {position})"
            raise DlcliError(message, "give its encoding, for example --encoding latin-1") from None
    try:
        decoder.decode(b"", final=True)
    except UnicodeError:
        raise DlcliError(f"{label} is not {codec} text: it ends within a character", "fetch it again") from None


def unix_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Text in which a carriage return may end a line too, with newlines only."""
    pending = b""
    for piece in pieces:
        piece = pending + piece
        pending = b"\r" if piece.endswith(b"\r") else b""
        yield piece[: len(piece) - len(pending)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if pending:
        yield b"\n"


def has_bare_returns(head: bytes) -> bool:
    """Whether carriage returns without a newline end lines, rather than being a character of some text."""
    if b"\r" not in head:
        return False
    bare = head.count(b"\r") - head.count(b"\r\n")
    if not bare or head == head[: head.find(b"\r")] + b"\r":
        return bool(bare)
    return bare > 0.02 * (head.count(b"\n") + bare)


def is_utf8(block: bytes) -> bool:
    """Whether a block of whole lines is UTF-8."""
    if block.isascii():
        return True
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def tolerant_utf8(block: bytes) -> bytes:
    """The block as UTF-8: bytes that aren't, as the cp1252 characters that they are."""
    return block.decode("utf-8", FALLBACK).encode()
