"""Address translation, drawn where it happens: on the way across the uplink."""

from __future__ import annotations

from kvmbench.topology.layout import BENCH_TOP, OUTSIDE_BOTTOM, Rect
from kvmbench.topology.marks import DASHED, SOLID, Arrow, Group, Mark, Text
from kvmbench.topology.nat import Nat
from kvmbench.topology.text import fitted
from kvmbench.topology.theme import Theme
from kvmbench.topology.words import say_nat

_MOST = 4
"""translations written on each side of the uplink"""
_LINE_PX = 16.0


def translated(found: tuple[Nat, ...], bench: Rect, theme: Theme) -> list[Group]:
    """Arrows across the uplink: on its left what goes out, on its right what comes in."""
    groups: list[Group] = []
    for direction, side in (("out", -1), ("in", 1)):
        rules = [nat for nat in found if nat.direction == direction]
        if rules:
            groups.append(_arrow(rules, side, bench, theme))
    return groups


def _arrow(rules: list[Nat], side: int, bench: Rect, theme: Theme) -> Group:
    real = any(not nat.missing for nat in rules)
    colour = (theme.outgoing if side < 0 else theme.incoming) if real else theme.faint
    x = side * 13.0
    bottom, top = (x, BENCH_TOP + 10), (x, OUTSIDE_BOTTOM - 2)
    ends = (bottom, top) if side < 0 else (top, bottom)
    shown = rules if len(rules) <= _MOST else rules[: _MOST - 1]
    texts = [_nat_line(nat) for nat in shown]
    if len(shown) < len(rules):
        texts.append((f"and {len(rules) - len(shown)} more", True))
    middle = (OUTSIDE_BOTTOM + BENCH_TOP) / 2
    y = middle - (len(texts) - 1) * _LINE_PX / 2 + 0.36 * theme.text_px
    width = (bench.right if side > 0 else -bench.left) - abs(x) - 16
    marks: list[Mark] = [Arrow(*ends, colour, 1.8, SOLID if real else DASHED)]
    for number, (text, soft) in enumerate(texts):
        marks.append(
            Text(
                x + side * 9,
                y + number * _LINE_PX,
                fitted(text, width, theme.text_px, mono=True),
                theme.text_px,
                theme.faint if soft else colour,
                "right" if side < 0 else "left",
                mono=True,
                italic=soft,
            )
        )
    return Group(f"nat-{'out' if side < 0 else 'in'}", "\n".join(map(say_nat, rules)), tuple(marks))


def _nat_line(nat: Nat) -> tuple[str, bool]:
    """Its words, and whether they are of something that is not there."""
    if nat.missing:
        return f"to do: {nat.label}", True
    return f"{nat.label} · {nat.counted}" if nat.counted else nat.label, False
