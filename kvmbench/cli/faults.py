"""`kvmbench fault`: something is broken on a bench for somebody to find, and mended again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kvmbench.bench import places
from kvmbench.cli.app import BenchOption, JsonOption, app, bench_of
from kvmbench.errors import BadInput, KvmbenchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmbench.bench.lifecycle import Bench
    from kvmbench.course import Result
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
        wanted = faults.fault(fault_name) if fault_name else faults.mystery(_read(key), student)
        _inject(bench_of(name), wanted.name, mystery, as_json)
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


def _inject(there: Bench, wanted: str, secret: bool, as_json: bool) -> None:
    kept = there.home / _KEPT
    if kept.exists():
        raise BadInput(
            f"there is a fault on bench {there.name} already", f"Mend it: kvmbench fault mend -b {there.name}"
        )
    solved = _solved(there)
    ended = _on(there, "fault", "inject", wanted, *(["--json"] if as_json else []))
    if not ended.ok:
        raise _error(ended, secret)
    kept.write_text(json.dumps({"fault": wanted, "solved": solved}))
    if secret:
        print(f"Something is broken on bench {there.name}.\nFind it: kvmbench check tells where it shows.")
    else:
        print(ended.out, end="")


def _mend(there: Bench, given: str | None, as_json: bool) -> None:
    kept = there.home / _KEPT
    known = json.loads(kept.read_text()) if kept.exists() else {"fault": given, "solved": []}
    if given is None and not kept.exists():
        raise BadInput(
            f"nobody put a fault into bench {there.name} from here", "Name it: kvmbench fault list"
        )
    ended = _on(there, "fault", "mend", given or known["fault"], *(["--json"] if as_json else []))
    if not ended.ok:
        raise _error(ended, secret=False)
    if known["solved"]:  # mending may have cost other steps their guests
        _on(there, "solve", *known["solved"]).checked()
    kept.unlink(missing_ok=True)
    print(ended.out, end="")


def _solved(there: Bench) -> list[str]:
    """The steps whose checks all pass."""
    results = json.loads(_on(there, "check", "--json").out)
    steps = dict.fromkeys(each["step"] for each in results)
    failing = {each["step"] for each in results if each["verdict"] != "passed"}
    return [step for step in steps if step not in failing]


def _on(there: Bench, *arguments: str) -> Completed:
    from kvmbench.bench import enter

    line, environment = enter.own_command(there, *arguments)
    return enter.capture(there, line, env=environment)


def _error(ended: Completed, secret: bool) -> KvmbenchError:
    """What the command on the bench said; not which fault it was about, where that is a secret."""
    if secret:
        return BadInput(
            "the fault that was drawn would not be seen on this bench: its step is not solved",
            "Solve the whole course first: kvmbench solve all",
        )
    what, _, hint = ended.err.strip().rpartition("\n")
    return KvmbenchError(what or hint or "it said nothing", hint)
