"""The command line: what is typed on the machine enters the bench, and is carried out there."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer
from typer.exceptions import TyperException

from kvmbench.bench import places
from kvmbench.errors import BadInput, KvmbenchError, LookFailed

if TYPE_CHECKING:
    from kvmbench.bench.lifecycle import Bench

app = typer.Typer(
    help="A disposable Linux host for learning how virtual machines and their networks work.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
BenchOption = Annotated[
    str | None, typer.Option("--bench", "-b", help="Which bench; `default` when not given.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Steps = Annotated[list[str] | None, typer.Argument(help="Steps by their slugs; see `kvmbench steps`.")]
Command = Annotated[list[str], typer.Argument(help="The command and its arguments, behind `--`.")]


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


def _find(name: str) -> None:
    """Raise NoSuchBench, with the way to make it, where there is none of that name."""
    from kvmbench.bench import lifecycle

    if not (places.benches_directory() / places.checked_name(name)).exists():
        lifecycle.find(name)


def _bench(name: str | None, workdir: Path | None = None) -> Bench:
    """The running bench; the default one is made when it is missing, and an ended one is started again."""
    from kvmbench.bench import lifecycle, stock

    if name:
        _find(name)
    bench = lifecycle.ensure(name or places.DEFAULT, stock.load_or_make(), workdir=workdir)
    if bench.lost:
        print(f"{bench.lost}\nIt was started again.", file=sys.stderr)
    return bench


def _there(name: str | None, *arguments: str) -> None:
    """Carry the command out on the bench, unless the caller is on it already: then just go on.

    It does not come back where the bench has to be entered first.
    """
    here = places.on_bench()
    if here is None:
        from kvmbench.bench import enter

        there = _bench(name)
        line, environment = enter.own_command(there, *arguments)
        sys.exit(enter.run(there, line, env=environment, cwd=str(Path.cwd())))
    if name not in (None, here):
        raise BadInput(
            f"this is bench {here!r}, and from a bench no other one can be reached",
            "Leave out --bench, or type it on the machine itself.",
        )


def _flags(**flags: bool) -> list[str]:
    return [f"--{name}" for name, given in flags.items() if given]


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """What this machine can do, and the one line that mends each gap."""
    from kvmbench import report
    from kvmbench.system.doctor import diagnose

    findings = diagnose()
    print(report.findings_json(findings) if as_json else report.findings_table(findings))
    sys.exit(0 if all(finding.ok or finding.severity == "optional" for finding in findings) else 1)


@app.command()
def bench(
    verb: Literal["create", "list", "reset", "destroy"],
    name: Annotated[str, typer.Argument(help="The bench's name.")] = places.DEFAULT,
    mount: Annotated[
        list[Path] | None, typer.Option(help="Show this directory of the machine on the bench too, writable.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Create, list, reset or destroy benches."""
    from kvmbench import report
    from kvmbench.bench import lifecycle, stock

    if places.on_bench():
        raise BadInput("a bench cannot make or end benches", "Type it on the machine itself.")
    for directory in mount or []:
        if not directory.is_dir():
            raise BadInput(
                f"--mount {directory}: there is no such directory", "Make it first, or leave it out."
            )
    if verb == "list":
        known = {each: lifecycle.status(each) for each in lifecycle.names()}
        print(json.dumps(known) if as_json else report.benches_table(known))
    elif verb == "create":
        made = lifecycle.ensure(name, stock.load_or_make(), mounts=mount or [])
        print(f"{made.lost}\nIt was started again." if made.lost else f"bench {name} is running")
    elif verb == "reset":
        lifecycle.reset(name, stock.load_or_make(), mounts=mount or [])
        print(f"bench {name} is running, as new")
    else:
        lifecycle.destroy(name)
        print(f"bench {name} is gone")


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

        sys.exit(enter.run(_bench(name), command, cwd=str(Path.cwd())))
    if outside:
        _there(name, "exec", "--outside", "--", *command)
        from kvmbench.system import outside as outside_host

        sys.exit(outside_host.attach(command))
    if guest is not None:
        _there(name, "exec", "--guest", guest, "--timeout", str(timeout_s), "--", *command)
        from kvmbench.lesson import ask_guest

        ended = ask_guest(guest, command[0] if len(command) == 1 else command, timeout_s=timeout_s)
        sys.stdout.write(ended.out)
        sys.stderr.write(ended.err)
        sys.exit(ended.code)
    _there(name)
    from kvmbench.system import run_attached

    sys.exit(run_attached(command))


@app.command()
def shell(name: BenchOption = None) -> None:
    """Open a shell on the bench."""
    from kvmbench.bench import enter

    if places.on_bench():
        raise BadInput("this is a shell on a bench already", "Type the command itself.")
    sys.exit(enter.run(_bench(name), ["/bin/bash"], cwd=str(Path.cwd())))


@app.command()
def steps(as_json: JsonOption = False) -> None:
    """List the course: slugs, titles, points, checks."""
    from kvmbench import course, report

    print(report.steps_json(course.steps()) if as_json else report.steps_table(course.steps()))


@app.command()
def solve(
    step: Annotated[list[str], typer.Argument(help="Steps, or `all`.")], name: BenchOption = None
) -> None:
    """Carry out the reference solution of steps, and of the steps that they build on."""
    _there(name, "solve", *step)
    from kvmbench import course

    course.solve(step, report=lambda line: print(line, flush=True))


@app.command()
def script(
    step: Annotated[list[str], typer.Argument(help="Steps, or `all`.")],
    old: Annotated[
        bool, typer.Option("--old", help="In the tutorial's brctl, ifconfig and -net spelling.")
    ] = False,
) -> None:
    """Print the reference solution as a shell script that runs on a bench."""
    from kvmbench import course

    print(course.script(step, old=old), end="")


@app.command(context_settings={"ignore_unknown_options": True})
def explain(line: Command) -> None:
    """Say what each option of a QEMU command line does, what it leaves out, and how it is written today."""
    from kvmbench.qemu.line import explain as explained

    print(explained(line))


@app.command()
def look(name: BenchOption = None, as_json: JsonOption = False) -> None:
    """Look at the bench: everything that the kernel, QEMU and dnsmasq say."""
    _there(name, "look", *_flags(json=as_json))
    from kvmbench import lesson, report

    seen = lesson.look()
    print(seen.to_json() if as_json else report.snapshot_text(seen))


@app.command()
def draw(
    output: Annotated[Path, typer.Option("-o", "--output", help="FILE.svg or FILE.png")],
    name: BenchOption = None,
) -> None:
    """Draw the bench's network."""
    from kvmbench import lesson
    from kvmbench.model import Snapshot
    from kvmbench.topology import picture

    if output.suffix not in (".svg", ".png"):
        raise BadInput(f"{output} is neither an SVG nor a PNG", "End the file's name in .svg or .png.")
    if places.on_bench():
        picture(lesson.look()).save(output)
        return
    from kvmbench.bench import enter

    there = _bench(name)
    line, environment = enter.own_command(there, "look", "--json")
    seen = enter.capture(there, line, env=environment)
    if not seen.ok:
        raise LookFailed(
            f"bench {there.name} could not be looked at: {(seen.err.strip() or 'no answer').splitlines()[0]}",
            "Try it there: kvmbench look",
        )
    picture(Snapshot.from_json(seen.out)).save(output)


@app.command()
def check(step: Steps = None, name: BenchOption = None, as_json: JsonOption = False) -> None:
    """Check steps: exit code 0 when all passed, 1 when something failed, 2 when something was blocked."""
    _there(name, "check", *(step or []), *_flags(json=as_json))
    from kvmbench import course, report

    results = course.check(step or ["all"])
    print(report.results_json(results) if as_json else report.results_table(results))
    verdicts = {result.verdict for result in results}
    sys.exit(1 if "failed" in verdicts else 2 if "blocked" in verdicts else 0)


@app.command()
def tour(
    notebook: Annotated[
        list[Path] | None, typer.Argument(help="Notebooks; all of the course when none.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run notebooks from top to bottom, each on a fresh bench, and list every outcome."""
    from kvmbench import tour as tours

    sys.exit(tours.run(notebook or [], as_json=as_json))


@app.command()
def measure(
    as_json: JsonOption = False,
    rounds: Annotated[int, typer.Option(help="How often each is measured; the median counts.")] = 3,
) -> None:
    """Measure benches, kernels, guests, looks, pictures and checks on this machine."""
    from kvmbench import measure as measuring

    measuring.run(rounds=rounds, as_json=as_json)


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
) -> None:
    """Build the course's guest image, or have new benches use another one."""
    from kvmbench import start

    if verb == "import" and file is None:
        raise BadInput(
            "import needs a file", "For example: kvmbench image import cirros-0.6.2-x86_64-disk.img"
        )
    imported = file if verb == "import" else None
    found = start.stock_up(imported=imported, built=verb == "build", again=again)
    print(f"new benches use {found.image}")


@app.command()
def ksm(switch: Literal["on", "off"]) -> None:
    """Switch the machine's kernel samepage merging on, or back to what it was (root; machine-wide)."""
    from kvmbench.system import ksm as merging

    print(merging.switch_on() if switch == "on" else merging.switch_back())


if __name__ == "__main__":
    main()
