"""Evidence that was changed in any byte, cut, or is somebody else's, is found out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmbench.errors import BadInput, EvidenceBroken
from kvmbench.grade import evidence
from kvmbench.grade.evidence import Key

KEY = Key(b"a key that nobody can guess")
RECORDS: list[dict[str, Any]] = [
    {"kind": "head", "student": "alice", "files": {"a.ipynb": "00"}},
    {"kind": "look", "mark": "check-1", "snapshot": {"links": ["br-int", "ü"]}},
    {"kind": "end", "at": 1.5},
]
BUNDLE = evidence.sealed(RECORDS, KEY)


def test_what_was_written_comes_back() -> None:
    assert evidence.opened(BUNDLE, KEY, student="alice") == RECORDS


@given(st.integers(0, len(BUNDLE) - 1), st.integers(1, 255))
def test_any_changed_byte_is_found(place: int, change: int) -> None:
    forged = bytearray(BUNDLE)
    forged[place] ^= change
    with pytest.raises(EvidenceBroken):
        evidence.opened(bytes(forged), KEY, student="alice")


@given(st.integers(0, len(BUNDLE) - 1))
def test_evidence_that_is_cut_short_is_found(length: int) -> None:
    with pytest.raises(EvidenceBroken):
        evidence.opened(BUNDLE[:length], KEY, student="alice")


@pytest.mark.parametrize("line", range(4))
def test_a_line_that_is_taken_out_or_doubled_is_found(line: int) -> None:
    lines = BUNDLE.splitlines(keepends=True)
    for forged in ([*lines[:line], *lines[line + 1 :]], [*lines[: line + 1], *lines[line:]]):
        with pytest.raises(EvidenceBroken):
            evidence.opened(b"".join(forged), KEY, student="alice")


def test_evidence_sealed_anew_with_another_key_is_found() -> None:
    forged = evidence.sealed([*RECORDS[:1], {"kind": "end"}], Key(b"some other key of a student"))
    with pytest.raises(EvidenceBroken, match="signature"):
        evidence.opened(forged, KEY, student="alice")


def test_another_students_evidence_is_not_ones_own() -> None:
    with pytest.raises(EvidenceBroken, match="evidence of alice"):
        evidence.opened(BUNDLE, KEY, student="bob")


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("sixteen bytes or more of it")
    path.chmod(0o644)
    with pytest.raises(BadInput, match="others can read"):
        evidence.load_key(path)
    path.chmod(0o600)
    assert evidence.load_key(path).secret == b"sixteen bytes or more of it"
    path.write_text("short")
    with pytest.raises(BadInput, match="shorter"):
        evidence.load_key(path)
    with pytest.raises(BadInput, match="cannot be read"):
        evidence.load_key(tmp_path / "none")


def test_a_key_of_ones_own_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMBENCH_HOME", str(tmp_path / "home"))
    made = evidence.load_key(None)
    assert made == evidence.load_key(None)
    assert (tmp_path / "home" / evidence.DEFAULT_KEY).stat().st_mode & 0o777 == 0o600
