"""Lines as a hurried hand, a translator or a cat would leave them, and what has to hold of each.

As a program: python tests/qemu/line/fuzz.py 100000 [SEED]
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from kvmbench.errors import BadInput
from kvmbench.qemu.line import Context, Spelling, explain, option_of, parse, qemu_argv, refuse
from kvmbench.qemu.line.installed import here

HERE = Path(__file__).parent
GOOD = tuple((HERE / "good.txt").read_text(encoding="utf-8").splitlines())
"""lines that QEMU could be given; the first one is the course's c1"""
TUTORIAL = tuple((HERE / "tutorial.txt").read_text(encoding="utf-8").splitlines())
"""the tutorial's lines as its page has them"""
C1 = GOOD[0]
_BITS = (
    *(
        "-",
        "--",
        "=",
        ",",
        ",,",
        ":",
        " ",
        "  ",
        "'",
        '"',
        "\\",
        "#",
        "$",
        "&",
        "\n",
        "\t",
        "\0",
        "{",
        "}",
        "%s",
    ),
    *("–", "—", "“", "”", "’", "\u00a0", "é", "日", "\udc80", "²", "٣", "on", "off", "help", "?", "none"),
    *("0", "-1", "999999999999999999999", "1e9", "0x10", "1.5", "NaN", "G", "vlan=0", "if=none", "id=d0"),
    *("-drive", "-net", "-device", "-smp", "-boot", "-vnc", "-blockdev", "-netdev", "-M", "-nmae", "-hda"),
    *("drive=d0", "netdev=n", "node-name=d", "file=d", "x" * 300, "9" * 5000, '{"a":' * 50, "[" * 2000),
)


def mutated(line: str, chance: random.Random) -> str:
    """A line after one to four accidents."""
    for _ in range(chance.randint(1, 4)):
        line = _accident(line, chance)
    return line


def _accident(line: str, chance: random.Random) -> str:
    at, to = sorted(chance.randrange(len(line) + 1) for _ in range(2))
    words = line.split(" ")
    kind = chance.randrange(10)
    if kind == 0:
        return line[:at] + line[to if to - at < 12 else at + 3 :]
    if kind == 1:
        return line[:at] + chance.choice(_BITS) + line[at:]
    if kind == 2:
        return line[:at] + line[at:to].swapcase() + line[to:]
    if kind == 3:
        del words[chance.randrange(len(words))]
        return " ".join(words)
    if kind == 4:
        chance.shuffle(words)
        return " ".join(words)
    if kind == 5:
        return line.replace(
            chance.choice((" -", "=", ",", ":", " ")), chance.choice(("", "-", " = ", ", ", " "))
        )
    if kind == 6:
        return f"{line} {chance.choice(GOOD).partition(' ')[2]}"
    if kind == 7:
        words.insert(chance.randrange(len(words) + 1), chance.choice(_BITS))
        return " ".join(words)
    if kind == 8:
        return (
            line[:at]
            + "".join(chr(chance.randrange(1, 0x2100)) for _ in range(chance.randrange(9)))
            + line[at:]
        )
    return line[:at] + chance.choice(line or "x") + line[at + 1 :]


def lines(count: int, seed: int) -> Iterator[str]:
    chance = random.Random(seed)
    for _ in range(count):
        yield mutated(chance.choice((*GOOD, *TUTORIAL)), chance)


def holds(line: str, context: Context | None = None) -> bool:
    """Whether the line could be read; whatever it is, nothing but a two-line BadInput comes out of it."""
    troubles = refuse(line, context)
    assert all(trouble.what and trouble.hint and str(trouble).count("\n") == 1 for trouble in troubles), line
    told = explain(line, context)
    assert repr(told)
    assert told._repr_html_().startswith(("<p>", "<table"))
    try:
        guest = parse(line)
    except BadInput as error:
        assert len(str(error).splitlines()) == 2, line  # noqa: PT017  (most lines are refused, some are not)
        assert troubles, line
        return False
    for spelling in get_args(Spelling):
        words = qemu_argv(guest, spelling)
        assert parse(words) == guest, (spelling, line)
        assert qemu_argv(parse(words), spelling) == words, (spelling, line)
    assert isinstance(option_of(f"qemu-kvm: {line}: invalid option", words), str)
    return True


def main(count: int, seed: int) -> None:
    around = Context(installed=here(), memory_mib=4000, guests=("c1",), taps=())
    read = sum(holds(line, None if number % 10 else around) for number, line in enumerate(lines(count, seed)))
    print(
        f"{count} lines (seed {seed}): {read} read, {count - read} refused in two lines, nothing else raised"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
