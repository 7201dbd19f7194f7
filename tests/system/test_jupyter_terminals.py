"""What is typed in a terminal of JupyterLab is found there."""

from __future__ import annotations

import ast
import shutil

from kvmbench.system import jupyter_terminals


def test_kvmbench_is_found_where_the_path_has_nothing_of_ours() -> None:
    plain = {"PATH": "/usr/bin:/bin", "HOME": "/root"}
    ours = jupyter_terminals.with_our_programs(plain)
    assert shutil.which("kvmbench", path=ours["PATH"]) is not None
    assert ours["PATH"].endswith(":/usr/bin:/bin")
    assert ours["HOME"] == "/root"


def test_the_shell_is_the_users_own_and_no_login_shell() -> None:
    for environ, shell in (({"SHELL": "/usr/bin/fish"}, "/usr/bin/fish"), ({}, "/bin/bash")):
        name, settings = jupyter_terminals.option(environ).split("=", 1)
        assert name == "--ServerApp.terminado_settings"
        assert ast.literal_eval(settings) == {"shell_command": [shell]}
