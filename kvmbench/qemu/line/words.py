"""The words of a QEMU command line: its options, what belongs to each, and what stands between commas."""

from __future__ import annotations

import re
import shlex
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches

from kvmbench.errors import BadInput

Fields = tuple[tuple[str, str], ...]
"""key and value, in the order in which they were typed; a key may come twice, and the last one counts"""

LONGEST_LINE = 131_072
"""characters: what Linux takes as one argument (execve(2), MAX_ARG_STRLEN)"""
_ALONE = """
h help version S s audio-help async-teardown daemonize enable-fips enable-kvm enable-sync-profile full-screen
mem-prealloc no-acpi no-fd-bootchk no-hpet no-kvm no-kvm-irqchip no-quit no-reboot no-shutdown no-user-config
nodefaults nodefconfig nographic old-param only-migratable portrait preconfig semihosting singlestep snapshot
usb win2k-hack xen-attach xen-domid-restrict
"""
ALONE = frozenset(_ALONE.split())
"""the options that nothing belongs to; all others take the next word, whatever it is (qemu(1), `-help`)"""
ANSWERS = frozenset(
    (
        *(
            "machine",
            "M",
            "cpu",
            "accel",
            "smp",
            "m",
            "boot",
            "name",
            "device",
            "drive",
            "net",
            "nic",
            "netdev",
        ),
        *("display", "vga", "chardev", "object", "audio", "audiodev", "d", "numa", "trace", "blockdev"),
    )
)
"""options that know the value help; anywhere else it is a file's name like any other"""
PROGRAM = re.compile(r"(qemu-kvm|qemu-system-[a-z0-9_]+|kvm)")
SHELL = frozenset(("&", "&&", "|", "||", ";", "<", ">", ">>", "2>", "2>&1"))
DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
QUOTES = "\u2018\u2019\u201a\u201c\u201d\u201e"
LONGEST_MESSAGE = 4_000
_UNITS = {"b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40, "p": 2**50, "e": 2**60}


@dataclass(frozen=True)
class Given:
    """One option as it stands on a line."""

    option: str
    """its name without dashes; "" for a disk image that is named without an option"""
    value: str | None = None
    typed: str = ""
    """the option's own word, with its dashes"""
    place: int = 0
    """where on the line it stands; two options may have the same words"""

    @property
    def asks(self) -> bool:
        """Whether QEMU prints a list instead of starting a guest: -h, -cpu help, -device e1000,help."""
        asked = (self.value or "").rpartition(",")[2].rpartition("=")[2] in ("help", "?")
        return self.option in ("h", "help", "version") or (asked and self.option in ANSWERS)

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(word for word in (self.typed or None, self.value) if word is not None)

    def __str__(self) -> str:
        return quoted(self.words)


@dataclass(frozen=True)
class Line:
    """A command line, taken apart but not yet understood."""

    program: str
    given: tuple[Given, ...]

    def of(self, *options: str) -> tuple[Given, ...]:
        """The options of these names, in the order in which they were typed."""
        return tuple(each for each in self.given if each.option in options)

    def __str__(self) -> str:
        return quoted((self.program, *(word for each in self.given for word in each.words)))


def quoted(words: Iterable[str]) -> str:
    """Words as they are typed in a shell; `~` and the like are left to mean what they mean there.

    >>> quoted(["qemu-kvm", "-name", "c 1", "-vnc", ":0"])
    "qemu-kvm -name 'c 1' -vnc :0"
    """
    return shlex.join(words)


_CONTINUED = re.compile(r"""('[^']*')|("(?:[^"\\]|\\.)*")|(\\[^\r\n])|\\\r?\n""", re.DOTALL)
"""what is quoted, and the end of a row that goes on in the next one"""


def _as_one_row(found: re.Match[str]) -> str:
    """Within '…' a backslash is a backslash; within "…" the two rows are joined without a blank (sh(1))."""
    alone, double, escaped = found.groups()
    return alone or escaped or (re.sub(r"\\\r?\n", "", double) if double else " ")


def split(text: str) -> tuple[str, ...]:
    """A typed line's words, as the shell would hand them over.

    Raises:
        BadInput: there are no words, or a quotation has no end.
    """
    if len(text) > LONGEST_LINE:
        raise BadInput(
            f"this line has {len(text)} characters", "A command line is shorter: paste one line only."
        )
    try:
        words = tuple(shlex.split(_CONTINUED.sub(_as_one_row, text)))
    except ValueError:
        raise BadInput(
            "a quotation in this line has no end", "Close it, or take the quotation mark out."
        ) from None
    if not words:
        raise BadInput("there is no command line here", "Write one, like: qemu-kvm -name c1 -m 256") from None
    return words


def tokens(words: Sequence[str]) -> Line:
    """The program and its options; QEMU takes -name and --name alike.

    >>> tokens(["qemu-kvm", "--name", "c1", "-daemonize", "-m", "1G"]).given[1]
    Given(option='daemonize', value=None, typed='-daemonize', place=3)

    Raises:
        BadInput: it does not begin with QEMU, or an option lacks what belongs to it, or a word is torn apart.
    """
    if not words:
        raise BadInput("there is no command line here", "Write one, like: qemu-kvm -name c1 -m 256")
    for word in words:
        _refuse_odd(word)
    if not PROGRAM.fullmatch(words[0].rpartition("/")[2]):
        raise BadInput(f"this line begins with {words[0]!r}, not with QEMU", "It begins with qemu-kvm.")
    found: list[Given] = []
    rest = deque(words[1:])
    while rest:
        place, word = len(words) - len(rest), rest.popleft()
        if not word.startswith("-") or word in ("-", "--"):
            found.append(_image(word, found, place))
            continue
        name = word[2:] if word.startswith("--") else word[1:]
        if name in ALONE:
            found.append(Given(name, None, word, place))
        elif rest:
            found.append(Given(name, rest.popleft(), word, place))
        else:
            raise BadInput(
                f"{word} lacks what belongs to it", f"Write it behind {word}, or leave {word} out."
            )
    return Line(words[0], tuple(found))


def _image(word: str, before: Sequence[Given], place: int) -> Given:
    """A word without an option is a disk image; one that is the torn-off end of an option is not."""
    if word and word[0] in DASHES:
        raise BadInput(
            f"{word!r} begins with a dash that is no hyphen", f"Write it as -{word.lstrip(DASHES)}"
        )
    if word in SHELL:
        raise BadInput(
            f"{word!r} is the shell's, not QEMU's", "Leave it out; -daemonize goes to the background."
        )
    ended = (before[-1].value or before[-1].typed)[-1:] if before else ""
    if word[:1] in ("=", ",", "-", "") or ended in ("=", ","):
        raise BadInput(
            f"{word!r} stands alone, and would be taken for a disk image",
            "Leave out the blank before it: an option and what belongs to it have one blank between them.",
        )
    return Given("", word, place=place)


def _refuse_odd(word: str) -> None:
    if any(quote in word for quote in QUOTES):
        raise BadInput(f"{word!r} has typographic quotation marks", "Write ' or \", or leave them out.")
    if "\0" in word:
        raise BadInput(f"{word!r} has a null byte in it", "Leave it out: no program can be given one.")


def fields(value: str, implied: str = "") -> Fields:
    """What stands between commas; a comma that belongs to a value is written twice.

    A first part without a name has the implied one; a later one means "on" (deprecated in QEMU 6.0).

    >>> fields("tap,ifname=tap01,vhost", "type")
    (('type', 'tap'), ('ifname', 'tap01'), ('vhost', 'on'))
    >>> fields("file=a,,b.img,format=raw")
    (('file', 'a,b.img'), ('format', 'raw'))
    """
    found: list[tuple[str, str]] = []
    for number, part in enumerate(value.replace(",,", "\0").split(",")):
        key, equals, text = part.replace("\0", ",").partition("=")
        if equals:
            found.append((key, text))
        elif number == 0 and implied and key:
            found.append((implied, key))
        elif key:
            found.append((key, "on"))
    return tuple(found)


def joined(parts: Fields, implied: str = "") -> str:
    """The way back from `fields`.

    >>> joined((("type", "tap"), ("script", "/a,b")), "type")
    'tap,script=/a,,b'
    """
    found = []
    for number, (key, value) in enumerate(parts):
        text = value.replace(",", ",,")
        plain = number == 0 and key == implied and value and value[0] != "{" and "=" not in value
        found.append(text if plain else f"{key.replace(',', ',,')}={text}")
    return ",".join(found)


def last(parts: Fields, *keys: str, default: str = "") -> str:
    """The value of a key that may go by several names."""
    return next((value for key, value in reversed(parts) if key in keys), default)


def without(parts: Fields, *keys: str) -> Fields:
    """The fields apart from these; of a key that comes twice the last one stays."""
    merged = dict(parts)
    return tuple((key, value) for key, value in merged.items() if key not in keys)


def merged(many: Iterable[Fields]) -> Fields:
    """-m, -machine, -boot, -smp and -name may be given in several pieces: a later piece counts."""
    found: dict[str, str] = {}
    for parts in many:
        found.update(parts)
    return tuple(found.items())


def switch(text: str, what: str) -> bool:
    """on or off.

    Raises:
        BadInput: neither.
    """
    if text in ("on", "yes", "true", "y"):
        return True
    if text in ("off", "no", "false", "n"):
        return False
    raise BadInput(f"{what}={text}: {text!r} is neither on nor off", f"Write {what}=on or {what}=off.")


def number(text: str, what: str, *, least: int = 0) -> int:
    """A whole number.

    Raises:
        BadInput: it is none, or one that cannot be meant.
    """
    if not re.fullmatch(r"-?[0-9]{1,12}", text) or int(text) < least:
        example = max(least, 1)
        raise BadInput(
            f"{what}={text}: {text!r} is no number from {least} on", f"Write {what}={example} or more."
        )
    return int(text)


def size_bytes(text: str, *, unit: str = "b") -> int:
    """A size as QEMU reads it: a number, with B, K, M, G, T, P or E for the powers of 1024.

    >>> size_bytes("256", unit="m") == size_bytes("256M") == 256 * 2**20
    True

    Raises:
        BadInput: it is no size.
    """
    found = re.fullmatch(r"([0-9]{1,18}(?:\.[0-9]{1,12})?)([bkmgtpe]?)", text.lower())
    size = int(Decimal(found[1]) * _UNITS[found[2] or unit]) if found else 2**64
    if size >= 2**64:
        long = re.fullmatch(r"([0-9]{1,12}[kmgtp])i?b", text.lower())
        hint = (
            f"Write {long[1].upper()}: the unit is one letter."
            if long
            else "Write a number and a unit: 256M, 1G."
        )
        raise BadInput(f"{text!r} is no size", hint)
    return size


def one_line(text: str) -> str:
    """A message's line: what somebody typed may have line ends of its own, and be longer than anybody reads.

    >>> one_line("'c\\n1' is no size")
    "'c 1' is no size"
    """
    flat = " ".join(text.split())
    return flat if len(flat) <= LONGEST_MESSAGE else f"{flat[:LONGEST_MESSAGE]}…"


def meant(word: str, known: Iterable[str], *, likeness: float = 0.6) -> str:
    """The known word that was probably meant, or "".

    >>> meant("vritio", ["virtio", "e1000"]), meant("Tap", ["tap"]), meant("x", ["virtio"])
    ('virtio', 'tap', '')
    """
    candidates = list(known)
    lower = next((each for each in candidates if each.lower() == word.lower()), "")
    return lower or next(iter(get_close_matches(word[:80], candidates, 1, likeness)), "")
