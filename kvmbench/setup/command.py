"""`up`, `test`, and handing every other command over to the environment that `up` made."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from kvmbench.setup import apt, browser, environment, interpreter, needs
from kvmbench.setup.devices import DEVICES, open_tun, opened_to_all
from kvmbench.setup.environment import Environment, State, state_of
from kvmbench.setup.places import Places, clone_root, own_environment, places_of, readable_environments
from kvmbench.setup.progress import LoggedRun, Progress, Run, Tell
from kvmbench.setup.trouble import SetupFailed, from_os_error

UP_USAGE = "python3 -m kvmbench up [--no-browser] [--port N] [--check]"
INTERRUPTED = 130


@dataclass(frozen=True)
class Setup:
    """Who sets up what: the user, the places, and how commands are run and progress is told."""

    places: Places
    uid: int
    tell: Tell
    run: Run
    power: Callable[[], apt.Power]
    """What this user may do about packages; asked only when some are missing, for sudo takes its time."""


def before_cli(argv: Sequence[str]) -> None:
    """Do what must be done before the command line can take over; return when it can do so right here.

    It ends the process where the command is done (`test`), goes on in another python, or failed.
    """
    try:
        _before_cli(list(argv))
    except SetupFailed as failed:
        _stop(str(failed), failed.code)
    except OSError as error:
        _stop(str(from_os_error(error)), 1)
    except KeyboardInterrupt:
        _stop("\nstopped\nType the same line again: it goes on from here.", INTERRUPTED)


def _before_cli(argv: list[str]) -> None:
    command = argv[0] if argv else ""
    clone = clone_root()
    if command == "up":
        _up(argv, clone)
    elif command == "test":
        sys.exit(_test(argv[1:], clone))
    elif not installed_here():
        _hand_over_to_any(argv, clone)


def _up(argv: list[str], clone: Path | None) -> None:
    if {"--help", "-h"} & set(argv):
        if not installed_here():
            _hand_over_or_print_usage(argv, clone)
        return
    check_up_options(argv[1:])
    if clone is None or _is_foreign(clone):
        setup = _setup_of(Path(sys.prefix))
        _packages_only(setup, needs.COURSE)
        _open_tun(setup)
        return
    setup = _setup_of(clone)
    ready = prepare(setup, extras=(), wanted=needs.COURSE)
    _open_tun(setup)
    if not ready.is_running:
        hand_over(ready.python, argv)


def _test(args: list[str], clone: Path | None) -> int:
    if clone is None:
        raise SetupFailed(
            "the tests are in the clone, and this is an installed package",
            "Go into a clone of kvmbench and type: python3 -m kvmbench test",
        )
    setup, distribution = _setup_of(clone), needs.distribution()
    wanted = (*needs.COURSE, *browser.packaged(distribution))
    if _is_foreign(clone):
        _packages_only(setup, wanted)
        python = Path(sys.executable)
    else:
        python = prepare(setup, extras=("test",), wanted=wanted).python
    browser.ensure_own(python, distribution=distribution, power=setup.power, run=setup.run, tell=setup.tell)
    return run_tests(python, clone, args, uid=setup.uid, tell=setup.tell)


def check_up_options(args: Sequence[str]) -> None:
    """Refuse a misspelt option now, and not after a minute of installing.

    Raises:
        SetupFailed: with exit code 2.
    """
    rest = list(args)
    while rest:
        option, equals, value = rest.pop(0).partition("=")
        if option == "--port":
            number = value if equals else (rest.pop(0) if rest else "")
            if not (number.isascii() and number.isdigit() and 0 < int(number) < 65536):
                raise SetupFailed(f"--port wants a number from 1 to 65535, not {number!r}", UP_USAGE, code=2)
        elif option not in ("--no-browser", "--browser", "--check") or equals:
            raise SetupFailed(f"up has no option {option}", UP_USAGE, code=2)


def installed_here() -> bool:
    """Whether kvmbench is installed in the python that runs now, by this package's own record."""
    return any(
        next(Path(entry).glob("kvmbench-*.dist-info"), None) is not None
        for entry in sys.path
        if entry.endswith(("site-packages", "dist-packages"))
    )


def _is_foreign(clone: Path) -> bool:
    """Whether this runs in an environment that has kvmbench and that `up` did not make (it is left alone)."""
    if not installed_here():
        return False
    stamp = environment.read_stamp(Environment(Path(sys.prefix)))
    return stamp is None or stamp.clone != str(clone)


def _setup_of(clone: Path) -> Setup:
    places, tell = places_of(clone, os.environ), Progress()
    uid = os.geteuid()
    return Setup(places, uid, tell, LoggedRun(places.log, tell), lambda: apt.power_of(uid=uid))


def prepare(setup: Setup, *, extras: Sequence[str], wanted: Sequence[needs.Need]) -> Environment:
    """Make what is missing: system packages first, then the environment. Both are looked at without a lock.

    Raises:
        SetupFailed: something is missing that may not or could not be installed.
    """
    gaps = needs.missing(wanted)
    ready = _current(setup, extras)
    if ready is not None and not gaps:
        setup.tell("set-up: nothing to do")
        return ready
    with ExitStack() as stack:
        stack.enter_context(_ends_in_order())
        stack.enter_context(_alone(setup))
        stack.callback(os.umask, os.umask(0o022))  # a bench's root reads the environment as somebody else
        setup.places.log.unlink(missing_ok=True)
        return _make_ready(setup, extras, gaps)


def _make_ready(setup: Setup, extras: Sequence[str], gaps: Sequence[needs.Need]) -> Environment:
    """The same under the lock; another set-up may have finished meanwhile."""
    ready = _current(setup, extras)
    own = Environment(own_environment(setup.places, setup.uid))
    state = State.CURRENT if ready else state_of(own, setup.places.clone, extras, uid=setup.uid)
    chosen = interpreter.choose(uid=setup.uid) if state is State.BROKEN else None
    packages = list(needs.packages_for(gaps))
    if chosen is not None:
        packages += _venv_packages(chosen)
    _ensure_packages(setup, packages)
    if ready is not None:
        return ready
    if chosen is not None:
        environment.make(own, chosen, run=setup.run, tell=setup.tell)
    if state is not State.CURRENT:
        environment.install(
            own, setup.places.clone, extras, run=setup.run, tell=setup.tell, log=setup.places.log
        )
    return own


def _current(setup: Setup, extras: Sequence[str]) -> Environment | None:
    """An environment that needs nothing: this user's own, or the one that the clone's owner keeps."""
    for root in readable_environments(setup.places, setup.uid):
        candidate = Environment(root)
        if state_of(candidate, setup.places.clone, extras, uid=setup.uid) is State.CURRENT:
            return candidate
    return None


def _venv_packages(chosen: interpreter.Interpreter) -> list[str]:
    if interpreter.can_make_environments(chosen):
        return []
    package = interpreter.venv_package(chosen)
    if package is None:
        raise SetupFailed(
            f"{chosen.path} cannot make virtual environments: its ensurepip module is missing",
            "Use the system's Python: /usr/bin/python3 -m kvmbench up",
        )
    return [package]


def _packages_only(setup: Setup, wanted: Sequence[needs.Need]) -> None:
    """In an environment of someone else's making, only the system's programs are looked after."""
    gaps = needs.missing(wanted)
    if gaps:
        packages = needs.packages_for(gaps)
        _ensure_packages(setup, packages)


def _ensure_packages(setup: Setup, packages: Sequence[str]) -> None:
    if packages:
        apt.ensure(packages, power=setup.power(), uid=setup.uid, run=setup.run, tell=setup.tell)


def _open_tun(setup: Setup) -> None:
    """Open /dev/net/tun where this user cannot, and may change that."""
    if setup.uid == 0 or not os.access(DEVICES[0], os.R_OK | os.W_OK):
        power = setup.power()
        if setup.uid == 0 or power.prefix:
            open_tun(prefix=power.prefix or (), run=setup.run, tell=setup.tell)


@contextmanager
def _alone(setup: Setup) -> Iterator[None]:
    """Hold the lock of this user and clone: two set-ups must not write into one environment."""
    setup.places.lock.parent.mkdir(parents=True, exist_ok=True)
    with setup.places.lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            setup.tell("set-up: another one of yours is at work on this clone; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _ends_in_order() -> Iterator[None]:
    """Let SIGTERM unwind the stack, so that pip or apt-get does not stay behind."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _hand_over_to_any(argv: Sequence[str], clone: Path | None) -> None:
    ready = _usable(clone)
    if ready is None:
        raise SetupFailed(
            "there is no environment for this clone yet", "Make it first (once): python3 -m kvmbench up"
        )
    hand_over(ready.python, argv)


def _hand_over_or_print_usage(argv: Sequence[str], clone: Path | None) -> NoReturn:
    ready = _usable(clone)
    if ready is not None:
        hand_over(ready.python, argv)
    print(
        f"{UP_USAGE}\nSets up what is missing and starts JupyterLab with the course; --check tests it only."
    )
    sys.exit(0)


def _usable(clone: Path | None) -> Environment | None:
    if clone is None:
        return None
    roots = readable_environments(places_of(clone, os.environ), os.geteuid())
    return next((found for root in roots if environment.runs(found := Environment(root), clone)), None)


def hand_over(python: Path, argv: Sequence[str]) -> NoReturn:
    """Go on as kvmbench's command line in the environment; this process becomes that one."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(python, [str(python), "-m", "kvmbench.cli", *argv])


def run_tests(python: Path, clone: Path, args: Sequence[str], *, uid: int, tell: Tell) -> int:
    """Run pytest in the clone and give back its exit code."""
    argv = [str(python), "-m", "pytest", *args]
    with ExitStack() as stack:
        stack.enter_context(_ends_in_order())
        if uid == 0:
            stack.enter_context(opened_to_all(tell))
        tell(f"tests: {' '.join(argv[1:])}")
        with subprocess.Popen(argv, cwd=clone, env=environ_for_tests(python, os.environ)) as pytest:
            try:
                code = pytest.wait()
            except KeyboardInterrupt:
                code = pytest.wait()  # it got the Ctrl-C too, and ends what its tests have started
            except SystemExit:
                pytest.send_signal(signal.SIGINT)
                pytest.wait()
                raise
    return code if code >= 0 else 128 - code


def environ_for_tests(python: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables for the tests: the environment's programs first, the sbin directories last."""
    path = [str(python.parent), environ.get("PATH", os.defpath), *needs.SBIN]
    return {**environment.clean_environ(environ), "PATH": os.pathsep.join(path)}


def _stop(lines: str, code: int) -> NoReturn:
    print(lines, file=sys.stderr, flush=True)
    sys.exit(code)
