"""The examples in the docstrings are true."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize("name", ["cmdline", "host", "iptables", "services", "wire"])
def test_the_examples_hold(name: str) -> None:
    tried = doctest.testmod(import_module(f"kvmbench.observe.{name}"))
    assert tried.attempted > 0
    assert tried.failed == 0
