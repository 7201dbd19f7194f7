"""Predictions: shown, chosen, written down, never in the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kvmbench.errors import BadInput
from kvmbench.widgets.predict import Prediction, note, predict

QUESTION = "Is it up?"


def asked(place: Path | None) -> Prediction:
    return Prediction(QUESTION, ("yes", "no"), place)


def lines(place: Path) -> list[tuple[str, str]]:
    told = [json.loads(line) for line in place.read_text().splitlines()]
    return [(line["question"], line["answer"]) for line in told]


def test_nothing_is_chosen_and_nothing_written_before_somebody_chooses(tmp_path: Path) -> None:
    place = tmp_path / "predictions.jsonl"
    assert asked(place).choice.value is None
    assert not place.exists()


def test_each_choice_becomes_a_line_with_its_time(tmp_path: Path) -> None:
    place = tmp_path / "predictions.jsonl"
    shown = asked(place)
    shown.choice.value = "no"
    shown.choice.value = "yes"
    assert lines(place) == [(QUESTION, "no"), (QUESTION, "yes")]
    assert all(json.loads(line)["time"] > 1.7e9 for line in place.read_text().splitlines())


def test_the_choice_is_confirmed_in_words_and_not_judged(tmp_path: Path) -> None:
    shown = asked(tmp_path / "predictions.jsonl")
    shown.choice.value = "no"
    assert shown._told.value == "Noted. The next look settles it."


def test_a_page_gets_a_widget_and_a_terminal_gets_text() -> None:
    bundle = asked(None)._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"] == "Is it up?\n  ( ) yes\n  ( ) no"


def test_a_full_disk_is_told_and_nothing_is_raised(tmp_path: Path) -> None:
    assert note(QUESTION, "yes", tmp_path / "missing" / "predictions.jsonl").startswith("Not noted: No such")


def test_away_from_a_bench_nothing_is_written_into_anyones_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KVMBENCH_BENCH", raising=False)
    assert predict(QUESTION, "yes", "no").record is None


def test_on_a_bench_it_is_written_into_the_benchs_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMBENCH_BENCH", "t")
    monkeypatch.setenv("HOME", "/root")
    assert predict(QUESTION, "yes", "no").record == Path("/root/predictions.jsonl")


@pytest.mark.parametrize("answers", [(), ("yes",), ("yes", "yes")])
def test_a_question_without_a_choice_is_refused(answers: tuple[str, ...]) -> None:
    with pytest.raises(BadInput, match="needs two different answers"):
        predict(QUESTION, *answers)
