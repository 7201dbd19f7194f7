"""The command line: what is typed on the machine enters the bench, and is carried out there."""

from __future__ import annotations

import sys
from typing import NoReturn

from typer.exceptions import TyperException

from kvmbench.cli import course, faults, grading, hosts, learning, machine, proving, teaching, variants
from kvmbench.cli.app import app
from kvmbench.errors import BadInput, KvmbenchError

__all__ = [
    "app",
    "course",
    "faults",
    "grading",
    "hosts",
    "learning",
    "machine",
    "main",
    "proving",
    "teaching",
    "variants",
]


def main() -> NoReturn:
    """Run the command line; an error is two lines and exit code 1, or 2 when the line cannot be meant."""
    try:
        sys.exit(app(sys.argv[1:] or ["--help"], prog_name="kvmbench", standalone_mode=False))
    except TyperException as error:
        from kvmbench import report

        print(report.mistyped(error), file=sys.stderr)
        sys.exit(2)
    except KvmbenchError as error:
        print(error, file=sys.stderr)
        sys.exit(2 if isinstance(error, BadInput) else 1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)
