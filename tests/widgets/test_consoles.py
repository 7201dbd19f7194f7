"""What goes to a guest's serial line, and what does not."""

from __future__ import annotations

import pytest

from kvmbench.widgets.consoles import as_typed


def test_a_terminals_answer_about_its_cursor_is_not_typed() -> None:
    assert as_typed(b"\x1b[13;12R") == b""
    assert as_typed(b"ls\x1b[1;80R\n") == b"ls\n"


@pytest.mark.parametrize("keys", [b"R", b"\x1b", b"\x01c", b"\x1b[A", b"\x1b[1;5C", b"[13;12R", b"\x1b[15~"])
def test_keys_go_as_they_are(keys: bytes) -> None:
    assert as_typed(keys) == keys
