"""Commands that test the checks themselves."""

from __future__ import annotations

import json
import sys

from kvmbench.cli.app import BenchOption, JsonOption, Steps, app, flags_of, onto_bench


@app.command()
def mutate(step: Steps = None, name: BenchOption = None, as_json: JsonOption = False) -> None:
    """Break what checks state and see that they notice: exit code 0 at score 1 without a false alarm.

    What is broken is a recorded look at a solved bench; with --bench, a look at that one.
    """
    if name:
        onto_bench(name, "mutate", *(step or []), "--bench", name, *flags_of(json=as_json))
    from kvmbench import lesson
    from kvmbench import mutate as proving
    from kvmbench.course.catalogue import chosen

    steps = chosen(step or [])
    if not step:
        steps = (*steps, proving.kinds(lesson.look() if name else proving.recorded()))
    found = proving.score(steps, proving.live(steps) if name else proving.recorded())
    print(json.dumps(found.to_json(), indent=1) if as_json else proving.table(found))
    sys.exit(0 if found.ok else 1)
