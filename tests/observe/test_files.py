"""Files, links and scripts that the tutorial makes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kvmbench.model import FileSeen
from kvmbench.observe.files import MOST_CHARACTERS, file


def test_a_script_is_told_with_its_mode_and_its_text(tmp_path: Path) -> None:
    script = tmp_path / "qemu-ifup"
    script.write_text("#!/bin/sh\nip link set $1 up\n")
    assert file(str(script)) == FileSeen(str(script), "file", text="#!/bin/sh\nip link set $1 up\n")
    script.chmod(0o755)
    assert file(str(script)).executable


def test_a_link_tells_where_it_leads_and_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "qemu-kvm").write_text("#!/usr/bin/python3\n")
    (tmp_path / "qemu-kvm").chmod(0o755)
    link = tmp_path / "link"
    link.symlink_to("qemu-kvm")
    assert file(str(link)) == FileSeen(
        str(link), "link", executable=True, target="qemu-kvm", text="#!/usr/bin/python3\n"
    )


def test_a_link_to_nowhere_or_in_a_circle_does_not_resolve(tmp_path: Path) -> None:
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for name in ("nowhere", "circle"):
        seen = file(str(tmp_path / name))
        assert (seen.kind, seen.resolves, seen.executable, seen.text) == ("link", False, False, "")


def test_a_file_that_is_missing_is_said_to_be(tmp_path: Path) -> None:
    path = str(tmp_path / "gone")
    assert file(path) == FileSeen(path, "missing", resolves=False)


def test_a_directory_is_no_program(tmp_path: Path) -> None:
    assert file(str(tmp_path)) == FileSeen(str(tmp_path), "directory")


def test_bytes_are_no_text_and_long_texts_are_cut(tmp_path: Path) -> None:
    (tmp_path / "program").write_bytes(b"\x7fELF\0\0")
    (tmp_path / "long").write_text("é" * 10000)
    (tmp_path / "windows").write_bytes(b"#!/bin/sh\r\n")
    assert file(str(tmp_path / "program")).text == ""
    assert file(str(tmp_path / "long")).text == "é" * MOST_CHARACTERS
    assert file(str(tmp_path / "windows")).text == "#!/bin/sh\r\n"


@pytest.mark.timeout(10)
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert file(str(tmp_path / "pipe")).text == ""
