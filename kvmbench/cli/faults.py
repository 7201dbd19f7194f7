"""`kvmbench fault`: something is broken on a bench for somebody to find, and mended again."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from kvmbench.bench import places
from kvmbench.cli.app import BenchOption, JsonOption, app, bench_of
from kvmbench.errors import BadInput, KvmbenchError
from kvmbench.system import undisturbed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kvmbench.bench.lifecycle import Bench
    from kvmbench.course import Result
    from kvmbench.course.faults import Fault
    from kvmbench.system import Completed

_KEPT = "fault.json"
"""in the bench's directory on the machine, where nobody on the bench can read it"""


@app.command()
def fault(
    verb: Literal["list", "inject", "mend"],
    fault_name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="STEP/FAULT, see `list`; `mend` knows the last one."),
    ] = None,
    mystery: Annotated[
        bool, typer.Option("--mystery", help="Do not say which: somebody is to find it.")
    ] = False,
    student: Annotated[str, typer.Option(help="For whom a mystery is drawn, by the key.")] = "",
    key: Annotated[Path | None, typer.Option(help="A file with the course's key.")] = None,
    name: BenchOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a fault into a solved bench, and mend it: a usual mistake, made behind a student's back."""
    from kvmbench.course import faults

    if verb == "list":
        _list(fault_name, as_json)
    elif places.on_bench():
        if fault_name is None:
            raise BadInput(
                f"{verb} needs the name of a fault here", "See which there are: kvmbench fault list"
            )
        wanted = faults.fault(fault_name)
        _show((faults.inject if verb == "inject" else faults.mend)(wanted), as_json)
    elif verb == "inject":
        if (fault_name is None) != mystery:
            raise BadInput("inject needs a fault's name, or --mystery", "See the names: kvmbench fault list")
        if fault_name:
            faults.fault(fault_name)  # a name that there is not is told before a bench is made for it
        draw = partial(faults.mystery, _read(key), student)
        _inject(bench_of(name), fault_name, draw, as_json)
    else:
        _mend(bench_of(name), fault_name, as_json)


def _list(step: str | None, as_json: bool) -> None:
    from kvmbench.course import faults

    found = [each.to_json() for each in faults.faults([step] if step else [])]
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for each in found:
        print(f"{each['fault']:<32} {each['says']}")


def _show(results: Sequence[Result], as_json: bool) -> None:
    from kvmbench import report

    print(report.results_json(results) if as_json else report.results_table(results))


def _read(key: Path | None) -> bytes | None:
    try:
        return key.read_bytes() if key else None
    except OSError as error:
        raise BadInput(
            f"the key {key} cannot be read: {error.strerror}", "Name the file with --key."
        ) from error


def _inject(
    there: Bench, given: str | None, draw: Callable[[Sequence[Result]], Fault], as_json: bool
) -> None:
    from kvmbench.course import faults

    kept = there.home / _KEPT
    if kept.exists():
        raise BadInput(
            f"there is a fault on bench {there.name} already", f"Mend it: kvmbench fault mend -b {there.name}"
        )
    seen = _checked(there)
    wanted = faults.fault(given) if given else draw(seen)
    refused = faults.unseen(wanted, seen)
    if refused:
        raise refused if given else _NOT_SOLVED
    kept.write_text(
        json.dumps({"fault": wanted.name, "solved": _solved(seen)})
    )  # first: then it can be mended
    try:
        ended = _on(there, "fault", "inject", wanted.name, *(["--json"] if as_json else []))
        if not ended.ok:
            raise _error(ended) if given else _NOT_PUT_IN
    except BaseException:
        _take_back(there, kept)
        raise
    if given:
        print(ended.out, end="")
    else:
        print(f"Something is broken on bench {there.name}.\nFind it: kvmbench check tells where it shows.")


_NOT_SOLVED = BadInput(
    "the fault that was drawn would not be seen on this bench: its step is not solved",
    "Solve the whole course first: kvmbench solve all",
)
_NOT_PUT_IN = KvmbenchError(
    "the fault that was drawn could not be put in: a line of it failed, and what came before was taken back",
    "Solve the whole course anew and try again: kvmbench solve all",
)
"""neither gives away which one it was"""


def _take_back(there: Bench, kept: Path) -> None:
    """Leave no half of a fault on a bench; where that fails, `mend` still knows of it.

    Raises:
        KvmbenchError: it failed.
    """
    print("It is taken back again; a moment.", file=sys.stderr)
    with undisturbed():
        if not _mended(there, json.loads(kept.read_text())).ok:
            raise KvmbenchError(
                f"half of a fault is left on bench {there.name}",
                f"Take it back once more: kvmbench fault mend -b {there.name}",
            )
        kept.unlink()


def _mend(there: Bench, given: str | None, as_json: bool) -> None:
    kept = there.home / _KEPT
    known = json.loads(kept.read_text()) if kept.exists() else {"fault": given, "solved": []}
    if given is None and not kept.exists():
        raise BadInput(
            f"nobody put a fault into bench {there.name} from here", "Name it: kvmbench fault list"
        )
    ended = _mended(there, {**known, "fault": given or known["fault"]}, *(["--json"] if as_json else []))
    if not ended.ok:
        raise _error(ended)
    kept.unlink(missing_ok=True)
    print(ended.out, end="")


def _mended(there: Bench, known: dict[str, Any], *flags: str) -> Completed:
    """How mending ended: of the fault, and of other steps that it may have cost their guests."""
    ended = _on(there, "fault", "mend", known["fault"], *flags)
    again = _on(there, "solve", *known["solved"]) if ended.ok and known["solved"] else ended
    return ended if again.ok else again


def _checked(there: Bench) -> list[Result]:
    """What every check of the course says."""
    from kvmbench.course import Result

    return [Result(**each) for each in json.loads(_on(there, "check", "--json").out)]


def _solved(seen: Sequence[Result]) -> list[str]:
    """The steps whose checks all pass."""
    failing = {each.step for each in seen if each.verdict != "passed"}
    return [step for step in dict.fromkeys(each.step for each in seen) if step not in failing]


def _on(there: Bench, *arguments: str) -> Completed:
    from kvmbench.bench import enter

    line, environment = enter.own_command(there, *arguments)
    return enter.capture(there, line, env=environment)


def _error(ended: Completed) -> KvmbenchError:
    """What the command on the bench said."""
    what, _, hint = ended.err.strip().rpartition("\n")
    return KvmbenchError(what or hint or "it said nothing", hint)
