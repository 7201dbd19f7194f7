"""Commands about the machine and its benches."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from kvmbench.bench import places
from kvmbench.cli.app import BenchOption, Command, JsonOption, app, bench_of, onto_bench
from kvmbench.errors import BadInput
from kvmbench.system import course_place


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """What this machine can do, and the one line that mends each gap."""
    from kvmbench import report
    from kvmbench.system.doctor import diagnose

    findings = diagnose()
    print(report.findings_json(findings) if as_json else report.findings_table(findings))
    sys.exit(0 if all(finding.ok or finding.severity == "optional" for finding in findings) else 1)


@app.command()
def up(
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
    port: Annotated[int, typer.Option(help="JupyterLab's port.")] = 8888,
    only_check: Annotated[
        bool, typer.Option("--check", help="Self-test, print what works, and exit.")
    ] = False,
) -> None:
    """Set up, and start JupyterLab with the course."""
    from kvmbench import start

    sys.exit(start.self_test() if only_check else start.jupyterlab(browser=browser, port=port))


@app.command()
def image(
    verb: Literal["build", "import"],
    file: Annotated[Path | None, typer.Argument(help="A CirrOS or cloud image, for `import`.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Build anew, from today's packages.")] = False,
    everyone: Annotated[
        bool, typer.Option("--everyone", help="For all users of this machine who have none (root).")
    ] = False,
) -> None:
    """Build the course's guest image, or have new benches use another one."""
    from kvmbench import start

    if verb == "import" and file is None:
        raise BadInput(
            "import needs a file", "For example: kvmbench image import cirros-0.6.2-x86_64-disk.img"
        )
    imported = file if verb == "import" else None
    found = start.stock_up(imported=imported, built=verb == "build", again=again, everyone=everyone)
    print(f"new benches use {found.image}")


@app.command()
def ksm(switch: Literal["on", "off"]) -> None:
    """Switch the machine's kernel samepage merging on, or back to what it was (root; machine-wide)."""
    from kvmbench.system import ksm as merging

    print(merging.switch_on() if switch == "on" else merging.switch_back())


@app.command()
def bench(
    verb: Literal["create", "list", "reset", "stop", "destroy"],
    name: Annotated[str, typer.Argument(help="The bench's name.")] = places.DEFAULT,
    every: Annotated[bool, typer.Option("--all", help="All of your benches: for stop and destroy.")] = False,
    mount: Annotated[
        list[Path] | None, typer.Option(help="Show this directory of the machine on the bench too, writable.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Create, list, reset, stop (its files stay) or destroy benches."""
    from kvmbench import report
    from kvmbench.bench import lifecycle, stock

    if places.on_bench():
        raise BadInput("a bench cannot make or end benches", "Type it on the machine itself.")
    for directory in mount or []:
        if not directory.is_dir():
            raise BadInput(
                f"--mount {directory}: there is no such directory", "Make it first, or leave it out."
            )
    if every and verb not in ("stop", "destroy"):
        raise BadInput(f"--all is nothing for {verb}", "It goes with stop and destroy.")
    if verb == "list":
        known = {each: lifecycle.status(each) for each in lifecycle.names()}
        print(json.dumps(known) if as_json else report.benches_table(known))
    elif verb == "create":
        made = lifecycle.ensure(name, stock.load_or_make(), workdir=course_place.named(), mounts=mount or [])
        print(f"{made.lost}\nIt was started again." if made.lost else f"bench {name} is running")
    elif verb == "reset":
        lifecycle.reset(name, stock.load_or_make(), workdir=course_place.named(), mounts=mount or [])
        print(f"bench {name} is running, as new")
    else:
        end, said = (lifecycle.stop, "is stopped") if verb == "stop" else (lifecycle.destroy, "is gone")
        for each in lifecycle.names() if every else [name]:
            end(each)
            print(f"bench {each} {said}")


@app.command(context_settings={"ignore_unknown_options": True})
def exec(  # noqa: A001  (the command's name)
    command: Command,
    name: BenchOption = None,
    outside: Annotated[bool, typer.Option("--outside", help="On the outside host instead.")] = False,
    guest: Annotated[str | None, typer.Option(help="In this guest instead.")] = None,
    timeout_s: Annotated[
        float, typer.Option("--timeout", help="Seconds that a guest's command may take.")
    ] = 60,
) -> None:
    """Run a command on the bench; its exit code and output come back as they are."""
    if outside and guest:
        raise BadInput("--outside and --guest are two places", "Name one of them.")
    if places.on_bench() is None and not outside and guest is None:
        from kvmbench.bench import enter

        sys.exit(enter.run(bench_of(name), command, cwd=str(Path.cwd())))
    if outside:
        onto_bench(name, "exec", "--outside", "--", *command)
        from kvmbench.system import outside as outside_host

        sys.exit(outside_host.attach(command))
    if guest is not None:
        onto_bench(name, "exec", "--guest", guest, "--timeout", str(timeout_s), "--", *command)
        from kvmbench.lesson import ask_guest

        ended = ask_guest(guest, command[0] if len(command) == 1 else command, timeout_s=timeout_s)
        sys.stdout.write(ended.out)
        sys.stderr.write(ended.err)
        sys.exit(ended.code)
    onto_bench(name)
    from kvmbench.system import run_attached

    sys.exit(run_attached(command))


@app.command()
def shell(name: BenchOption = None) -> None:
    """Open a shell on the bench."""
    from kvmbench.bench import enter

    if places.on_bench():
        raise BadInput("this is a shell on a bench already", "Type the command itself.")
    sys.exit(enter.run(bench_of(name), ["/bin/bash"], cwd=str(Path.cwd())))
