"""Commands of the instructor: grade submissions, score their evidence again, verify it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from kvmbench.bench import places
from kvmbench.cli.app import app
from kvmbench.errors import BadInput

Output = Annotated[Path, typer.Option("-o", "--output", help="Directory for the results.")]
CourseFile = Annotated[
    Path | None,
    typer.Option("--course", help="Course file (TOML), or your own course's directory; else as it comes."),
]
KeyFile = Annotated[
    Path | None, typer.Option("--key", help="Your key; else one is kept in kvmbench's data directory.")
]
ResultsOf = Annotated[Path, typer.Argument(metavar="RESULTS", help="What `kvmbench grade -o` wrote.")]


@app.command()
def grade(
    submissions: Annotated[
        Path, typer.Argument(help="A directory with a notebook or a directory a student.")
    ],
    output: Output,
    jobs: Annotated[int | None, typer.Option(help="How many at once; as many as fit when not given.")] = None,
    cluster: Annotated[str | None, typer.Option(help="A Dask scheduler: tcp://HOST:PORT.")] = None,
    course: CourseFile = None,
    key: KeyFile = None,
) -> None:
    """Run submissions on benches of their own, look from outside, give points; what was cut short goes on."""
    from kvmbench.grade import grading
    from kvmbench.grade.rubric import course_file

    if places.on_bench():
        raise BadInput("a bench is no place to grade on", "Type it on the machine itself.")
    sys.exit(
        grading.grade(submissions, output, jobs=jobs, cluster=cluster, course=course_file(course), key=key)
    )


@app.command()
def regrade(results: ResultsOf, course: CourseFile = None, key: KeyFile = None) -> None:
    """Score the same evidence again, under another course file; nothing is run."""
    from kvmbench.grade import grading
    from kvmbench.grade.rubric import course_file

    sys.exit(grading.regrade(results, course=course_file(course), key=key))


@app.command()
def verify(results: ResultsOf, key: KeyFile = None) -> None:
    """Find any byte that was changed in evidence, tables and pages: exit code 0 when there is none."""
    from kvmbench.grade import grading

    sys.exit(grading.verify(results, key=key))
