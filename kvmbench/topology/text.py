"""Lines of text: how wide they are, and how they are made to fit."""

from __future__ import annotations

SANS = "DejaVu Sans"
MONO = "DejaVu Sans Mono"
_MONO_EM = 0.603
_NARROW, _WIDE = frozenset(" iljfrtI.,:;'|!()[]·"), frozenset("mwMW@%&#+<>=^~→⇅…")
_NARROW_EM, _COMMON_EM, _CAPITAL_EM, _WIDE_EM = 0.41, 0.64, 0.79, 1.0
_BOLD = 1.2


def printable(text: str) -> str:
    """The text with a sign in the place of whatever cannot be shown or would break XML.

    >>> printable("tap01"), printable("a\\x1bb")
    ('tap01', 'a□b')
    """
    return "".join(letter if letter.isprintable() else "□" for letter in text)


def text_width(text: str, px: float, *, mono: bool = False, bold: bool = False) -> float:
    """How wide a line is: exact for the monospaced face, rather too wide than too narrow for the other."""
    if mono:
        return len(text) * px * _MONO_EM
    return sum(map(_em, text)) * px * (_BOLD if bold else 1.0)


def fitted(text: str, width: float, px: float, *, mono: bool = False, bold: bool = False) -> str:
    """The text, made printable, its middle left out when it is too long for a line.

    >>> fitted("a-very-long-name-indeed", 80, 10, mono=True)
    'a-very…indeed'
    """
    text = printable(text)
    kept = len(text)
    shown = text
    while kept > 2 and text_width(shown, px, mono=mono, bold=bold) > width:
        kept -= 1
        tail = kept // 2
        shown = f"{text[: kept - tail]}…{text[len(text) - tail :]}"
    return shown


def _em(letter: str) -> float:
    if letter in _NARROW:
        return _NARROW_EM
    if letter in _WIDE or ord(letter) > 0x2FF:
        return _WIDE_EM
    return _CAPITAL_EM if letter.isupper() else _COMMON_EM
