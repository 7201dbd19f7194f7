"""A bench that is stopped: nothing of it runs, its files stay, and the next start says so."""

from __future__ import annotations

import json

import pytest

from tests.bench.conftest import Person, traces

pytestmark = pytest.mark.bench


def test_a_stopped_bench_keeps_its_files_and_says_what_was_lost(person: Person) -> None:
    before = traces()
    person.kvmbench("bench", "create", "halted").checked()
    person.kvmbench(
        "exec", "--bench", "halted", "--", "sh", "-c", "echo mine >/root/note; sleep 300 &"
    ).checked()
    assert person.kvmbench("bench", "stop", "halted").checked().out == "bench halted is stopped\n"
    assert traces() == before
    known = json.loads(person.kvmbench("bench", "list", "--json").checked().out)
    assert known["halted"].startswith("it was stopped")
    again = person.kvmbench("exec", "--bench", "halted", "--", "cat", "/root/note")
    assert again.out == "mine\n"
    assert again.err.splitlines()[0].startswith("bench 'halted' is not running: it was stopped")
    person.kvmbench("bench", "destroy", "halted").checked()


def test_all_are_stopped_at_once_and_stopping_twice_is_no_mistake(person: Person) -> None:
    for name in ("halt-1", "halt-2"):
        person.kvmbench("bench", "create", name).checked()
    for _ in range(2):
        said = person.kvmbench("bench", "stop", "--all").checked().out
        assert {"bench halt-1 is stopped", "bench halt-2 is stopped"} <= set(said.splitlines())
    for name in ("halt-1", "halt-2"):
        person.kvmbench("bench", "destroy", name).checked()


def test_what_is_not_there_cannot_be_stopped(person: Person) -> None:
    ended = person.kvmbench("bench", "stop", "nowhere")
    assert (ended.code, ended.err.splitlines()[0]) == (1, "there is no bench 'nowhere'")
