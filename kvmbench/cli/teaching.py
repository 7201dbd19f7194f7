"""Commands of whoever writes lessons: a step of one's own, and what students get of a notebook."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from kvmbench.cli.app import app
from kvmbench.errors import BadInput
from kvmbench.system import course_place


@app.callback()
def own_course(
    course: Annotated[
        Path | None,
        typer.Option(
            help="Directory of your own course, with course.toml; else $KVMBENCH_COURSE.", show_default=False
        ),
    ] = None,
) -> None:
    """A disposable Linux host for learning how virtual machines and their networks work."""
    if course is not None:
        if not (course / course_place.COURSE_FILE).is_file():
            raise BadInput(
                f"there is no course in {course}: it has no {course_place.COURSE_FILE}",
                f"Make one there: kvmbench new-step NAME --in {course}",
            )
        os.environ[course_place.VARIABLE] = str(course)
    if course_place.named():
        os.environ[course_place.VARIABLE] = str(Path(os.environ[course_place.VARIABLE]).resolve())


@app.command()
def new_step(
    name: Annotated[str, typer.Argument(help="The step's slug: small letters, with hyphens between.")],
    into: Annotated[Path, typer.Option("--in", help="Your course's directory; made when missing.")] = Path(),
) -> None:
    """Make a step of your own that works: its module, its notebook and its test, for you to change."""
    from kvmbench.course.new_step import new_step as make

    for path in make(name, into):
        print(path)
    print(f"\nTry it: kvmbench --course {into} solve {name}, then check {name}")
    print(f"In JupyterLab: kvmbench --course {into} up; its test: pytest {into / 'tests'}")


@app.command()
def handout(
    notebooks: Annotated[
        list[Path] | None, typer.Argument(help="Notebooks, by path or name; all of the course when none.")
    ] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Directory for the student versions.")
    ] = Path("handout"),
) -> None:
    """Make student versions of notebooks: solutions out, cells locked, points set (nbgrader's metadata)."""
    from kvmbench import tour
    from kvmbench.grade import handout as handing_out

    for path in handing_out.handout(tour.find(notebooks or []), output):
        print(path)
