"""python3 -m kvmbench: sets itself up with the standard library alone, then becomes the command line."""

import sys


def main() -> None:
    """Run `kvmbench` with the arguments of this process."""
    # An older Python must be able to read this file up to here: it holds no newer syntax.
    if sys.version_info < (3, 10):  # noqa: UP036  (this is where an older one is turned away)
        sys.stderr.write(f"kvmbench needs Python 3.10 or newer, and this is {sys.version.split()[0]}\n")
        sys.stderr.write("Try the system's own: /usr/bin/python3 -m kvmbench up\n")
        sys.exit(1)
    from kvmbench.setup.command import before_cli

    before_cli(sys.argv[1:])
    from kvmbench.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
