"""Commands that test the checks themselves."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from kvmbench.bench import places
from kvmbench.cli.app import BenchOption, JsonOption, Steps, app, flags_of, onto_bench


@app.command()
def mutate(step: Steps = None, name: BenchOption = None, as_json: JsonOption = False) -> None:
    """Break what checks state and see that they notice: exit code 0 at score 1 without a false alarm.

    What is broken is a recorded look at a solved bench; with --bench, a look at that one. Steps of your own
    course are solved on a bench made for it.
    """
    from kvmbench.course.catalogue import own

    mine = own()
    if mine and not name and places.on_bench() is None and not step:
        step = [each.slug for each in mine]
    if name is None and {each.slug for each in mine} & set(step or []):
        sys.exit(_on_a_bench_of_its_own(step or [], as_json))
    if name:
        onto_bench(name, "mutate", *(step or []), "--bench", name, *flags_of(json=as_json))
    from kvmbench import lesson
    from kvmbench import mutate as proving
    from kvmbench.course.catalogue import chosen

    steps = chosen(step or [])
    if not step:
        steps = (*steps, proving.kinds(lesson.look() if name else proving.recorded()))
    solved = proving.live(steps) if name else proving.recorded()
    found = proving.score(steps, solved)
    if not step:
        one, standing = proving.held(solved)
        found += proving.score((one,), standing)
    print(json.dumps(found.to_json(), indent=1) if as_json else proving.table(found))
    sys.exit(0 if found.ok else 1)


def _on_a_bench_of_its_own(steps: list[str], as_json: bool) -> int:
    """Solve them on a fresh bench, and break that; the exit code."""
    from kvmbench.bench import enter
    from kvmbench.course.catalogue import own_place
    from kvmbench.start import passing_bench

    name = f"mutate-{os.getpid()}"
    with passing_bench(name, own_place() or Path.cwd()) as there:
        for words in (["solve", *steps], ["mutate", *steps, "--bench", name, *flags_of(json=as_json)]):
            line, environment = enter.own_command(there, *words)
            done = enter.capture(there, line, env=environment)
            if words[0] == "mutate" or not done.ok:
                break
    print(done.out, end="")
    print(done.err, end="", file=sys.stderr)
    return done.code
