"""What was probably meant by a line as a page or a translation left it; it is suggested, never assumed."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from kvmbench.errors import BadInput
from kvmbench.qemu.line import words
from kvmbench.qemu.line.catalogue import COURSE, KNOWN, find

LONGEST = 4_000
"""characters of a line that is looked at"""


@dataclass(frozen=True)
class Suggestion:
    """A line that QEMU could be given, and what was changed for it."""

    line: str
    changes: tuple[str, ...]


def suggest(text: str) -> Suggestion | None:
    """The line that was probably meant; None when the text is fine, or nothing can be made of it.

    >>> suggest("#qemu-kvm-name c1-m 256 –daemonize").line
    'qemu-kvm -name c1 -m 256 -daemonize'
    """
    if len(text) > LONGEST:
        return None
    changes: list[str] = []
    mended = text
    for step in (_unprompted, _plain_signs, _cut, _closed_up, _in_lower_case, _apart):
        before, mended = mended, step(mended)
        if mended != before:
            changes.append(_TOLD[step.__name__])
    try:
        line = words.tokens(words.split(mended))
    except BadInput:
        return None
    if not changes or str(line) == text.strip():
        return None
    return Suggestion(str(line), tuple(changes))


_TOLD = {
    "_unprompted": "the prompt and the shell's own signs are not part of QEMU's line",
    "_plain_signs": "dashes and quotation marks are the plain ones of the keyboard",
    "_cut": "there is a blank before each option",
    "_closed_up": "there is no blank inside of what belongs to an option",
    "_apart": "a blank, not = or nothing, stands between an option and what belongs to it",
    "_in_lower_case": "options, and words that QEMU knows, are written in lower case",
}


def _unprompted(text: str) -> str:
    """`# `, `$ `, `~]# `, `[root@host ~]# `: what the shell prints; and the `&` that is its own."""
    found = re.sub(
        r"^\s*(?:\[?[\w.@:~/ \-]*\]?)?[#$%]\s*(?=(?:sudo\s+)?\S*(?:qemu|kvm))",
        "",
        text.replace("\u00a0", " "),
    )
    found = re.sub(r"^(?:\s*sudo\s+)(?=\S*(?:qemu|kvm))", "", found)
    found = re.sub(r"(?<=\s)&\s*$", "", found).strip()
    return found if found != text.strip() else text


def _plain_signs(text: str) -> str:
    dashes = re.sub(rf"[{words.DASHES}]+", "-", text)
    return re.sub("[\u2018\u2019\u201a]", "'", re.sub("[\u201c\u201d\u201e]", '"', dashes))


def _cut(text: str) -> str:
    """`qemu-kvm-name c1-m 256` → `qemu-kvm -name c1 -m 256`, only where the line does not begin as it should.

    An option's name inside of a word proves nothing by itself: a disk may be called my-boot.
    """
    first = text.split(maxsplit=1)[:1]
    if not first or words.PROGRAM.fullmatch(first[0].rpartition("/")[2]):
        return text
    names = "|".join(sorted(map(re.escape, COURSE), key=len, reverse=True))
    parted = re.sub(rf"(?i)(?<=[^\s-])(?=--?(?:{names})(?:\s|$|(?<=vnc):))", " ", text)
    return re.sub(r"(?<=\s-vnc)(?=:[0-9])", " ", parted)


def _closed_up(text: str) -> str:
    """`model =virtio`, `[, Splash=x]`: blanks around = and behind a comma."""
    found = re.sub(r"\s+=", "=", text)
    return re.sub(r"(?<=[\w\"'])(\s*,)\s+(?=[\w.-]+=)", ",", found)


def _in_lower_case(text: str) -> str:
    try:
        parts = shlex.split(text)
    except ValueError:
        return text
    found: list[str] = []
    if parts and words.PROGRAM.fullmatch(parts[0].lower()):
        parts, found = parts[1:], [parts[0].lower()]
    for word in parts:
        before = found[-1] if found else ""
        if word.startswith("-") and _name(word) not in KNOWN and _name(word).lower() in KNOWN:
            found.append(word.lower())
        elif before.startswith("-") and (option := find(_name(before))) and option.words:
            found.append(_known_words(word, option.words))
        else:
            found.append(word)
        if before == "-M" and re.fullmatch(r"[0-9]+[kKmMgG]?", word):
            found[-2] = "-m"
    return words.quoted(found) if found != shlex.split(text) else text


def _apart(text: str) -> str:
    """`-m256`, `-vnc:0`, `-name=c1`: where there is no such option, but one that it begins with."""
    try:
        parts = shlex.split(text)
    except ValueError:
        return text
    found: list[str] = []
    for word in parts:
        glued = re.fullmatch(r"(--?)([A-Za-z]+)(=?)([:0-9].*|(?<==).+)", word)
        if glued and _name(word) not in KNOWN and glued[2] in COURSE and COURSE[glued[2]].takes:
            found += [glued[1] + glued[2], glued[4]]
        else:
            found.append(word)
    return words.quoted(found) if found != parts else text


def _name(word: str) -> str:
    return word[2:] if word.startswith("--") else word[1:]


def _known_words(value: str, known: frozenset[str]) -> str:
    """Keys, and words that QEMU knows, in lower case: `Nic,Model=virtio` → `nic,model=virtio`."""
    parts = []
    for part in value.split(","):
        key, equals, text = part.partition("=")
        small = key.lower() if key not in known and key.lower() in known else key
        parts.append(small + equals + (text.lower() if text not in known and text.lower() in known else text))
    return ",".join(parts)
