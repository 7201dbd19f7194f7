"""Benches in odd places: what is shown on a bench, and where its files may lie."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmbench.system import Completed, run
from tests.bench.conftest import Person, processes

pytestmark = pytest.mark.bench


def typed(
    person: Person, *arguments: str, home: Path, cwd: Path | None = None, before: str = ""
) -> Completed:
    """`kvmbench ARGUMENTS` with another data directory; `before` runs first, in a mount namespace."""
    environment = person.environment | {"KVMBENCH_HOME": str(home)}
    line = person.command(*arguments)
    if before:
        unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
        line = [*unshare, "sh", "-c", f'{before} && "$@"', "sh", *line]
    return run(line, env=environment, cwd=cwd or person.work)


@pytest.fixture
def odd(person: Person) -> Iterator[Path]:
    """A directory of this person's, gone afterwards with the benches in it."""
    place = person.home / "odd"
    place.mkdir()
    _give(person, place)
    yield place
    for home in (place, *place.rglob("*")):
        if (home / "benches").is_dir():
            for name in os.listdir(home / "benches"):
                typed(person, "bench", "destroy", name, home=home)
    shutil.rmtree(place, ignore_errors=True)


def _give(person: Person, place: Path) -> None:
    owner = person.work.stat()
    os.chown(place, owner.st_uid, owner.st_gid)


def _stocked(person: Person, home: Path) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    shutil.copy(person.home / "kb" / "stock.json", home / "stock.json")
    for place in (home, *home.parents):
        if person.home in place.parents:
            _give(person, place)
    return home


NAMES = ("-a b,c:d\\e'f\"ö", "long" * 30 + "/" + "longer" * 30)


@pytest.mark.parametrize("name", NAMES)
def test_a_data_directory_may_have_any_name(person: Person, odd: Path, name: str) -> None:
    home = _stocked(person, odd / name)
    typed(person, "bench", "create", "b", home=home).checked()
    line = (
        "exec",
        "-b",
        "b",
        "--",
        "sh",
        "-c",
        "echo x > /etc/made && cat /etc/made && qemu-img info -U /vms/base/guest.qcow2",
    )
    assert typed(person, *line, home=home).checked().out.startswith("x\n")
    typed(person, "exec", "-b", "b", "--outside", "--", "true", home=home).checked()
    typed(person, "bench", "destroy", "b", home=home).checked()


def test_a_working_directory_may_have_any_name(person: Person, odd: Path) -> None:
    home, work = _stocked(person, odd / "kb"), odd / NAMES[0]
    work.mkdir()
    _give(person, work)
    typed(person, "exec", "--", "sh", "-c", "pwd; echo x > made", home=home, cwd=work).checked()
    assert (work / "made").read_text() == "x\n"


def test_neither_a_home_nor_the_data_directory_is_ever_shown(person: Person, odd: Path) -> None:
    """Who writes to the data directory decides what the next bench is made of."""
    home = _stocked(person, odd / "kb")
    for work in (odd, home, person.home, person.home.parent):
        line = f"ls -A {home} {person.home}; touch {work}/made"
        ended = typed(person, "exec", "--", "sh", "-c", line, home=home, cwd=work)
        assert "stock" not in ended.out, work
        assert not (work / "made").exists()
        typed(person, "bench", "destroy", home=home).checked()


def test_a_mount_that_shows_too_much_is_refused_in_two_lines(person: Person, odd: Path) -> None:
    home = _stocked(person, odd / "kb")
    (odd / "file").write_text("x")
    for wanted in (
        "/",
        str(home),
        str(odd),
        "/etc",
        "/usr/share",
        "/proc",
        "/dev",
        str(odd / "file"),
        "nowhere",
    ):
        refused = typed(person, "bench", "create", "--mount", wanted, home=home)
        assert refused.code == 2, wanted
        assert len(refused.err.splitlines()) == 2, refused.err
        assert "--mount" in refused.err
    assert not (home / "benches" / "default").exists()


def test_a_mount_may_be_relative_and_have_spaces(person: Person, odd: Path) -> None:
    home, more = _stocked(person, odd / "kb"), odd / "more than this"
    more.mkdir()
    _give(person, more)
    typed(person, "bench", "create", "--mount", "more than this", home=home, cwd=odd).checked()
    typed(person, "exec", "--", "touch", str(more / "made"), home=home).checked()
    assert (more / "made").exists()


def test_kvmbench_stays_itself_inside_of_a_writable_directory(person: Person, odd: Path) -> None:
    """A mount cannot be replaced, but the directory that it lies in could be moved away and made anew."""
    home, work = _stocked(person, odd / "kb"), odd / "work"
    copied = work / "deep" / "site"
    shutil.copytree(Path(person.path) / "kvmbench", copied / "kvmbench")
    for place in (work, *work.rglob("*")):
        _give(person, place)
    environment = person.environment | {"KVMBENCH_HOME": str(home), "PYTHONPATH": str(copied)}
    line = f"mv {work}/deep {work}/gone; mv {copied} {copied}2; touch {copied}/x.py {work}/mine"
    run(person.command("exec", "--", "sh", "-c", line), env=environment, cwd=work)
    assert (copied / "kvmbench" / "errors.py").exists()
    assert not (copied / "x.py").exists()
    assert (work / "mine").exists()


def test_a_bench_without_a_usable_disk_has_its_layers_in_memory(person: Person, odd: Path) -> None:
    """An overlay cannot lie on an overlay: containers have such roots."""
    home = _stocked(person, odd / "kb")
    layers = " ".join(f"{home}/{name}" for name in ("up", "work", "benches"))
    over = f"upperdir={home}/up,workdir={home}/work,lowerdir={home}/benches"
    line = "mkdir /etc/made; rm /etc/hostname; mkdir /etc/hostname; cat /etc/hosts"
    typed_twice = "; ".join(
        shlex.join(person.command(*words))
        for words in (("exec", "--", "sh", "-c", line), ("bench", "destroy"))
    )
    mount = f"mount -t overlay overlay -o {over} {home}/benches"
    before = f"mkdir {layers} && chmod 777 {layers} && {mount} && {{ {typed_twice}; }}"
    ended = typed(person, "bench", "list", home=home, before=before)
    assert "172.16.0.67" in ended.out, ended
    assert "is gone" in ended.out


def test_a_data_directory_that_cannot_be_written_is_told_in_two_lines(person: Person, odd: Path) -> None:
    home = _stocked(person, odd / "kb")
    ended = typed(
        person,
        "bench",
        "create",
        home=home,
        before=f"mount --bind {home} {home} && mount -o remount,bind,ro {home}",
    )
    assert ended.code == 1
    assert len(ended.err.splitlines()) == 2, ended.err


@pytest.mark.parametrize("text", ["", "[]", '{"name": "g", "keeper": null}'])
def test_a_record_that_cannot_be_read_loses_no_process(person: Person, bench: str, text: str) -> None:
    path = person.home / "kb" / "benches" / bench / "bench.json"
    keeper = json.loads(path.read_text())["keeper"]
    path.write_text(text)
    assert person.kvmbench("bench", "list").ok
    person.kvmbench("bench", "create", bench).checked()
    deadline = time.monotonic() + 5
    while str(person.home) in processes().get(keeper, ""):
        assert time.monotonic() < deadline, "the first keeper lives on beside the second"
        time.sleep(0.01)
    person.kvmbench("exec", "-b", bench, "--", "true").checked()
