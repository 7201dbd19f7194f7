"""Equal pages: counted in a process's own memory, and watched whether the machine merges or not."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmbench.errors import GuestError
from kvmbench.observe.merging import KSM, MYSELF, Equal, Row, equal_pages, told, watch

PAGE = mmap.PAGESIZE
PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
MANY = 4096
"""pages, 16 MiB"""


@pytest.fixture
def block() -> Iterator[mmap.mmap]:
    """Private memory that is not offered yet."""
    with mmap.mmap(-1, MANY * PAGE, flags=PRIVATE) as made:
        yield made


def switch(directory: Path, run: str) -> Path:
    (directory / "run").write_text(run)
    return directory


def test_nothing_is_offered_before_somebody_offers(block: mmap.mmap) -> None:
    block.write(bytes(range(256)) * (len(block) // 256))
    assert equal_pages() == Equal(0, 0)


def test_pages_that_are_offered_are_told_apart_byte_by_byte(block: mmap.mmap) -> None:
    block.madvise(mmap.MADV_MERGEABLE)
    block.write(os.urandom(PAGE) * 1000)
    assert equal_pages() == Equal(1000, 1), "what was never touched is not there"
    block[PAGE - 1] ^= 1
    block[7 * PAGE] ^= 1
    seen = equal_pages()
    assert seen == Equal(1000, 3)
    assert repr(seen) == "1000 pages, 3 different: 4 MiB could be spared"


def test_pages_of_a_file_count_only_once_they_were_written_to(tmp_path: Path) -> None:
    """As a guest's memory that woke up from a template: the kernel looks at private pages alone."""
    template = tmp_path / "template"
    template.write_bytes(bytes(100 * PAGE))
    with (
        template.open("r+b") as file,
        mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE) as memory,
    ):
        memory.madvise(mmap.MADV_MERGEABLE)
        assert memory[:] == bytes(100 * PAGE), "all of it was read, and so is there"
        assert equal_pages() == Equal(0, 0)
        memory[: 3 * PAGE] = b"x" * (3 * PAGE)
        assert equal_pages() == Equal(3, 1)


def test_equal_pages_fall_together_where_this_machine_merges_and_nowhere_else(block: mmap.mmap) -> None:
    block.madvise(mmap.MADV_MERGEABLE)
    block.write(os.urandom(PAGE) * MANY)
    size = len(block) / 2**20
    fell = 0.0
    rows = []
    for row in watch(seconds=30, every_s=0.2):
        rows.append(row)
        fell = rows[0].mib[MYSELF] - row.mib[MYSELF]
        if fell > size / 2:
            break
    merges = (KSM / "run").exists() and (KSM / "run").read_text().strip() == "1"
    assert rows[-1].on is merges
    assert (fell > size / 2) is merges, rows


def test_watching_ends_after_its_seconds(tmp_path: Path) -> None:
    rows = list(watch(seconds=0.3, every_s=0.05, ksm=switch(tmp_path, "1")))
    assert len(rows) > 3
    assert 0.3 < rows[-1].seconds < 5
    assert [row.seconds for row in rows] == sorted(row.seconds for row in rows)
    assert all(row.on and row.mib[MYSELF] > 5 for row in rows)


def test_what_is_switched_on_or_off_meanwhile_is_noticed(tmp_path: Path) -> None:
    seen = watch(seconds=60, every_s=0.01, ksm=switch(tmp_path, "0"))
    assert not next(seen).on
    switch(tmp_path, "1")
    assert next(seen).on
    (tmp_path / "run").unlink()
    assert not next(seen).on, "a kernel without merging merges nothing"


def test_both_roads_are_told_and_the_switch_is_named_where_it_is_off() -> None:
    rows = [Row(0.0, {"c1": 90.2, MYSELF: 150.0}, True), Row(20.1, {"c1": 50.0, MYSELF: 86.0}, True)]
    assert told(rows) == "merging is on; in 20 s, c1: 90 → 50 MiB, this notebook: 150 → 86 MiB"
    off = [Row(0.0, {"c1": 90.0}, False), Row(3.0, {"c1": 90.0}, False)]
    assert told(off) == (
        "merging is off on this machine; in 3 s, c1: 90 → 90 MiB\n"
        "Its root switches it on, for everybody: sudo kvmbench ksm on"
    )


def test_a_guest_that_is_not_there_is_answered_in_two_lines() -> None:
    with pytest.raises(GuestError) as said:
        equal_pages("nobody")
    assert str(said.value) == "no guest nobody is running\nlook().guests lists those that do."
    with pytest.raises(GuestError):
        next(watch("nobody"))
