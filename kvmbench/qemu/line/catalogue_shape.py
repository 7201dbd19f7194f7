"""The shape of an entry in the catalogue of options."""

from __future__ import annotations

from dataclasses import dataclass

MANUAL = "https://www.qemu.org/docs/master/system/invocation.html"
REMOVED = "https://www.qemu.org/docs/master/about/removed-features.html"
STANDARD, BLOCK, USB, DISPLAY = (
    f"{MANUAL}#hxtool-0",
    f"{MANUAL}#hxtool-1",
    f"{MANUAL}#hxtool-2",
    f"{MANUAL}#hxtool-3",
)
NETWORK, DEBUG = f"{MANUAL}#hxtool-5", f"{MANUAL}#hxtool-9"


@dataclass(frozen=True)
class Change:
    """What became of an option or a key in a version of QEMU."""

    version: str
    what: str


@dataclass(frozen=True)
class Key:
    """One key=value of an option."""

    name: str
    does: str
    default: str = ""
    """what QEMU takes when nothing is said; "" for nothing in particular"""
    values: tuple[str, ...] = ()
    """all words that it takes, where they are the same in every QEMU"""
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Option:
    """One option of QEMU's command line."""

    name: str
    does: str
    section: str
    """where QEMU's manual has it"""
    aliases: tuple[str, ...] = ()
    takes: str = ""
    """the grammar of what belongs to it; "" for an option that stands alone"""
    implied: str = ""
    """the key that a first word without one belongs to"""
    keys: tuple[Key, ...] = ()
    closed: bool = False
    """whether these are all keys that QEMU takes here"""
    default: str = ""
    """what QEMU does when the option is left out"""
    changes: tuple[Change, ...] = ()
    today: str = ""
    """how it is written today, where the spelling is an old one"""
    asked: str = ""
    """the question to the installed QEMU that lists its values"""
    repeats: bool = False
    """whether each one adds something; otherwise a later one goes before an earlier one"""
    plain_words: tuple[str, ...] = ()
    """words that may be its first value, and are the same in every QEMU"""

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)

    @property
    def words(self) -> frozenset[str]:
        """Keys and values that QEMU knows here; `help` is one everywhere."""
        values = (value for key in self.keys for value in key.values)
        return frozenset((*(key.name for key in self.keys), *values, *self.plain_words, "help"))

    def key(self, name: str) -> Key | None:
        return next((key for key in self.keys if key.name == name), None)


ON_OFF = ("on", "off")
