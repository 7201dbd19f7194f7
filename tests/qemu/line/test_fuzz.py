"""Whatever is typed: it is read, or refused in two lines."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kvmbench.qemu.line import Context
from tests.qemu.line import fuzz

LINES, SEED = 3000, 20261123


def test_three_thousand_mutated_lines_raise_nothing_else() -> None:
    read = sum(fuzz.holds(line) for line in fuzz.lines(LINES, SEED))
    assert 300 < read < 2700  # a good part of each


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_raises_nothing_else(text: str) -> None:
    fuzz.holds(text, Context())
    fuzz.holds(f"qemu-kvm {text}")
