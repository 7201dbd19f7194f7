"""What people read of a look, a line for each thing."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import IPv4Interface

import pytest
from IPython.core.interactiveshell import InteractiveShell

from kvmbench import report, shown, tracebacks
from kvmbench.course import Result
from kvmbench.lesson import OWN_NUMBERS, Report
from kvmbench.model import Image, Link, Netns, Snapshot
from kvmbench.system import run

PLUGGED = Link(
    "vethm.1", 5, "veth", "52:54:00:00:00:09", up=True, carrier=False, peer="vethm.2", peer_netns="router1"
)
BRIDGE = Link("br-int", 6, "bridge", "52:54:00:00:00:0a", True, True, inet=(IPv4Interface("10.1.1.254/24"),))


def test_a_link_is_a_line() -> None:
    assert report.link_text(PLUGGED) == (
        "vethm.1 (veth): up, no carrier, no address, 52:54:00:00:00:09, peer vethm.2 in router1"
    )
    assert report.link_text(BRIDGE) == "br-int (bridge): up, 10.1.1.254/24, 52:54:00:00:00:0a"


def test_an_image_is_told_in_a_unit_that_fits() -> None:
    big, small = (Image("/vms/a", "qcow2", size, 13 << 20) for size in (80 << 30, 64 << 20))
    assert report.image_text(big) == "image /vms/a: qcow2, 80 GiB wide, 13.0 MiB on disk"
    assert report.image_text(small) == "image /vms/a: qcow2, 64 MiB wide, 13.0 MiB on disk"


def test_a_notebook_shows_words_and_not_every_field() -> None:
    shell = InteractiveShell.instance()
    try:
        shown.in_notebooks()
        printed = shell.display_formatter.format((BRIDGE,))[0]["text/plain"]  # type: ignore[union-attr]
        seen = Snapshot("b", 0.0, (Netns("", (BRIDGE,)),))
        whole = shell.display_formatter.format(seen)[0]["text/plain"]  # type: ignore[union-attr]
    finally:
        InteractiveShell.clear_instance()
    assert printed == "(br-int (bridge): up, 10.1.1.254/24, 52:54:00:00:00:0a,)"
    assert whole.splitlines()[:2] == ["bench b", "the bench's network"]


def test_an_error_in_a_notebook_is_two_lines_too() -> None:
    shell = InteractiveShell.instance()
    try:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            shell.run_cell("from kvmbench import guest; guest('c9', 'ls')")  # type: ignore[no-untyped-call]  # IPython's
    finally:
        InteractiveShell.clear_instance()
    assert "this Python does not run on a bench\nChoose the kernel" in printed.getvalue()
    assert "Traceback" not in printed.getvalue()


@pytest.mark.parametrize("first", ["VMCreator", "concept", "rounds", "hint"])
def test_check_is_the_function_whatever_was_imported_first(first: str) -> None:
    done = run([sys.executable, "-c", f"from kvmbench import {first}, check; print(type(check).__name__)"])
    assert done.out == "function\n", done.err


@pytest.fixture
def said() -> Iterator[Callable[[str], str]]:
    """What a notebook says of a cell."""
    shell = InteractiveShell.instance()
    tracebacks.load_ipython_extension(shell)

    def say(cell: str) -> str:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            shell.run_cell(cell, store_history=True)  # type: ignore[no-untyped-call]  # IPython's
        return printed.getvalue()

    yield say
    InteractiveShell.clear_instance()


def test_a_name_that_nobody_imported_is_told_in_two_lines_and_any_other_as_python_does(
    said: Callable[[str], str],
) -> None:
    assert said("check('veth')").splitlines() == tracebacks.not_imported("check")
    theirs = said("chek('veth')")
    assert "Traceback" in theirs
    assert "kvmbench" not in theirs


def test_a_shell_cell_that_failed_is_told_in_two_lines_and_a_command_of_ones_own_as_python_does(
    said: Callable[[str], str],
) -> None:
    assert said("%%bash\nset -e\ntrue; exit 3\n").splitlines()[-2:] == tracebacks.shell_failed(3)
    assert "with exit code 3" in tracebacks.shell_failed(3)[0]
    assert said("%%bash\nkill -9 $$\n").splitlines()[-2:] == tracebacks.shell_failed(-9)
    assert "by SIGKILL" in tracebacks.shell_failed(-9)[0]
    assert said("%%bash\ntrue\n") == ""
    assert "Traceback" in said("import subprocess\nsubprocess.run(['false'], check=True)")


def test_a_hint_in_the_page_sets_as_code_what_is_typed() -> None:
    failed = Result("veth", "up", "failed", "a < b", "Look with `ip -br link`.", points=1, earned=0)
    shown_in_page = Report((failed,))._repr_mimebundle_()["text/html"]
    assert "→ Look with <code>ip -br link</code>." in shown_in_page
    assert "a &lt; b" in shown_in_page


def test_a_hint_is_told_once_where_one_cause_fails_many_checks() -> None:
    running = Result("guests", "c2-running", "failed", "guest c2 is not running", "Start c2.", 2, 0)
    results = (
        running,
        replace(running, check="c2-mac"),
        Result("guests", "c1-mac", "failed", "c1 has no network card", "Start c2.", 1, 0),
    )
    for said in (repr(Report(results)), Report(results)._repr_mimebundle_()["text/html"]):
        assert said.count("guest c2 is not running") == 2
        assert said.count("→ ") == 2
        assert "c1 has no network card" in said


def test_whoever_has_numbers_of_their_own_is_told_so_below_what_failed() -> None:
    failed = Result("netns", "vethm.1-address", "failed", "vethm.1 has 10.2.2.1/24", "Compare.", 1, 0)
    own = Report((failed,), OWN_NUMBERS)
    assert repr(own).endswith(OWN_NUMBERS)
    assert "<code>specification()</code>" in own._repr_mimebundle_()["text/html"]
    passed = Report((replace(failed, verdict="passed"),), OWN_NUMBERS)
    assert OWN_NUMBERS not in repr(passed)
    assert "specification" not in passed._repr_mimebundle_()["text/html"]
