"""Names in any script: fonts that have their characters, and escapes for what no font here can show."""

import functools
import unicodedata
from collections.abc import Sequence

from matplotlib import font_manager

FIRST = "DejaVu Sans"  # ships with matplotlib: Latin, Greek, Cyrillic, Arabic, Hebrew, Georgian, Armenian and more
# Where the rest is usually found, asked before all others.
USUAL = (
    "Noto Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Noto Sans JP", "Noto Sans KR",
    "Noto Sans Devanagari", "Noto Sans Thai", "Noto Sans Bengali", "Noto Sans Tamil", "Source Han Sans SC",
    "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback", "Microsoft YaHei", "SimHei", "Yu Gothic",
    "Malgun Gothic", "Nirmala UI", "Leelawadee UI", "Segoe UI Symbol", "PingFang SC", "Hiragino Sans",
    "Apple SD Gothic Neo", "Kohinoor Devanagari", "Thonburi", "Arial Unicode MS", "Unifont",
)  # fmt: skip
# A box for every character there is, and parts of formulas in the places of other characters.
NO_TEXT = ("Last Resort", "STIXNonUnicode", "STIXSize", "cm")
MOST_ASKED = 300  # further font files that are opened in search of a character
JOINERS = "\u200c\u200d"  # they shape the letters beside them, and have no look of their own


def one_line(text: str) -> str:
    """``text`` on one line: runs of spaces as one, what can't be seen (controls, marks of direction) escaped."""
    shown = "".join(c if c.isprintable() or c in JOINERS else " " if c in "\t\n\r" else repr(c)[1:-1] for c in text)
    return " ".join(shown.split())


def families_for(texts: Sequence[str]) -> tuple[str, ...]:
    """Families that together have the characters of ``texts``, as far as any font here does; DejaVu Sans first."""
    found = [FIRST]
    missing = {c for text in texts for c in text if ord(c) > 126} - _characters_of(_path_of(FIRST))
    for name, path in _others() if missing else ():
        if characters := missing & _characters_of(path):
            found.append(name)
            missing -= characters
        if not missing:
            break
    return tuple(found)


def shown_in(text: str, families: Sequence[str]) -> str:
    r"""``text``, each character that none of the ``families`` has as its code, such as ``\u4e2d``."""
    known = [_characters_of(_path_of(name)) for name in families]

    def has(c: str) -> bool:
        return c.isascii() or c in JOINERS or any(c in characters for characters in known)

    if not all(map(has, text)):
        text = unicodedata.normalize("NFC", text)  # a letter and its accent may have one glyph
    return "".join(c if has(c) else f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}" for c in text)


def face_for(text: str) -> tuple[str, str]:
    """``text`` on one line as a single font can show it, and the file of that font."""
    text = one_line(text)
    families = families_for([text])
    family = next((name for name in families if shown_in(text, [name]) == text), FIRST)
    return shown_in(text, [family]), _path_of(family)


@functools.lru_cache
def _path_of(family: str) -> str:
    return str(font_manager.findfont(font_manager.FontProperties(family=[family])))


@functools.lru_cache
def _characters_of(path: str) -> frozenset[str]:
    try:
        return frozenset(map(chr, font_manager.get_font(path).get_charmap()))
    except (OSError, RuntimeError, ValueError):  # a file that is gone, or no font that FreeType reads
        return frozenset()


def _others() -> list[tuple[str, str]]:
    """Names and files of the installed fonts, the usual ones first."""
    installed = font_manager.fontManager.ttflist
    fonts = {f.name: f.fname for f in installed if f.style == "normal" and not f.name.startswith(NO_TEXT)}
    usual = [(name, fonts[name]) for name in USUAL if name in fonts]
    rest = sorted((name, path) for name, path in fonts.items() if name not in USUAL)
    return [*usual, *rest[:MOST_ASKED]]
