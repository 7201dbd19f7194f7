"""Commands about the course, and about what is on a bench."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from kvmbench.bench import places
from kvmbench.cli.app import BenchOption, Command, JsonOption, Steps, app, bench_of, flags_of, onto_bench
from kvmbench.errors import BadInput, LookFailed


@app.command()
def steps(as_json: JsonOption = False) -> None:
    """List the course: slugs, titles, points, checks."""
    from kvmbench import course, report

    print(report.steps_json(course.steps()) if as_json else report.steps_table(course.steps()))


@app.command()
def solve(
    step: Annotated[list[str], typer.Argument(help="Steps, or `all`.")],
    name: BenchOption = None,
    boot: Annotated[
        bool, typer.Option("--boot", help="Boot the guests, instead of waking them from a template.")
    ] = False,
) -> None:
    """Carry out the reference solution of steps, and of the steps that they build on."""
    onto_bench(name, "solve", *step, *flags_of(boot=boot))
    from kvmbench import course

    course.solve(step, report=lambda line: print(line, flush=True), instant=not boot)


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


@app.command()
def check(step: Steps = None, name: BenchOption = None, as_json: JsonOption = False) -> None:
    """Check steps: exit code 0 when all passed, 1 when something failed, 2 when something was blocked."""
    onto_bench(name, "check", *(step or []), *flags_of(json=as_json))
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
def look(name: BenchOption = None, as_json: JsonOption = False) -> None:
    """Look at the bench: everything that the kernel, QEMU and dnsmasq say."""
    onto_bench(name, "look", *flags_of(json=as_json))
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

    there = bench_of(name)
    line, environment = enter.own_command(there, "look", "--json")
    seen = enter.capture(there, line, env=environment)
    if not seen.ok:
        raise LookFailed(
            f"bench {there.name} could not be looked at: {(seen.err.strip() or 'no answer').splitlines()[0]}",
            "Try it there: kvmbench look",
        )
    picture(Snapshot.from_json(seen.out)).save(output)


@app.command(context_settings={"ignore_unknown_options": True})
def explain(line: Command) -> None:
    """Say what each option of a QEMU command line does, what it leaves out, and how it is written today."""
    from kvmbench.qemu.line import explain as explained

    print(explained(line))


@app.command()
def measure(
    file: Annotated[
        list[Path] | None, typer.Argument(help="Put the medians of runs together that printed JSON here.")
    ] = None,
    as_json: JsonOption = False,
    peers: Annotated[
        bool, typer.Option("--peers", help="Also what people use instead, if installed.")
    ] = False,
    as_rows: Annotated[bool, typer.Option("--rows", help="Print the rows of the README's table.")] = False,
    rounds: Annotated[int, typer.Option(help="How often each is measured; the median counts.")] = 3,
) -> None:
    """Measure benches, kernels, guests, looks, pictures and checks on this machine."""
    from kvmbench import measure as measuring

    shape: measuring.Shape = "json" if as_json else "rows" if as_rows else "table"
    if file:
        measuring.together(file, shape=shape)
    else:
        measuring.run(rounds=rounds, shape=shape, peers=peers)
