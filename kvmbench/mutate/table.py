"""The score as a table for people."""

from __future__ import annotations

from collections import Counter

from kvmbench.mutate.score import Score


def table(score: Score) -> str:
    """A line a check: how many mutants are about it, how many of them it noticed for the right reason."""
    about = Counter(name for row in score.rows for name in row.should)
    noticed = Counter(name for row in score.rows for name in row.noticed)
    width = max((len(name) for name in (*about, *score.never)), default=5)
    lines = [f"{'check':{width}}  mutants  noticed"]
    lines += [f"{name:{width}}  {about[name]:7}  {noticed[name]:7}" for name in about]
    lines += [f"{name:{width}}  {'none':>7}  nothing kills it" for name in score.never]
    missed = [(row.mutant, name, said) for row in score.rows for name, said in row.missed.items()]
    alarms = [
        (row.mutant, name, said) for row in (*score.rows, *score.roads) for name, said in row.alarms.items()
    ]
    for head, found in (("missed, or noticed for a wrong reason", missed), ("false alarms", alarms)):
        lines += ["", f"{head}:"] * bool(found) + [
            f"  {mutant} | {name} | {said}" for mutant, name, said in found
        ]
    total = f"{score.mutants} mutants, {score.killed} killed, score {score.score:.3f}"
    return "\n".join(
        [*lines, "", f"{total}; {score.false_alarms} false alarms, {len(score.roads)} correct roads"]
    )
