"""Makes a bench's directory, and starts its keeper with a plan of what goes where."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import time
import zlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kvmbench.bench import places
from kvmbench.bench.record import Record, boot_id, init_of, start_time, write_record
from kvmbench.bench.stock import Stock
from kvmbench.bench.strict import Strict
from kvmbench.errors import BadInput, BenchCreationFailed
from kvmbench.system.run import PATH, run

_UNPRIVILEGED_IDS = 0x6000_0000
"""ids from here on belong to nobody (systemd-nspawn takes its private users from below 0x6FFFFFFF as well)"""


def plan(
    name: str,
    home: Path,
    stock: Stock,
    workdir: Path,
    mounts: Sequence[Path],
    strict: Strict | None = None,
) -> dict[str, Any]:
    """Make the bench's directories, and write down what goes where."""
    meeting = places.meeting_directory(home)
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    # A submission's bench has no journal: no mark is made of one.
    journals = (places.journal_directory(name),) if strict is None else ()
    for directory in (home / "root", home / "vms", home / "home", home / "service", meeting, *journals):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    owner = _UNPRIVILEGED_IDS + zlib.crc32(name.encode()) % 0x0FFF_0000 if os.geteuid() == 0 else None
    _stock_home(home, stock)
    _stock_images(home, stock)
    if owner is not None:
        home.chmod(0o711)  # its overlay layers are reached through it by the bench's root, an id of its own
        for top in (home / "vms", home / "home", home / "service", meeting, *journals):
            for path in (top, *top.rglob("*")):
                os.chown(path, owner, owner, follow_symlinks=False)
    return {
        "name": name,
        "home": str(home),
        "meeting": str(meeting),
        "unprivileged_id": owner,
        "read_only": [str(path) for path in places.environment_directories()],
        "writable": [str(path) for path in _writable(workdir, mounts)] if strict is None else [],
        "strict": None if strict is None else asdict(strict),
        "workdir": str(workdir),
        "files": [
            *(
                [str(Path(__file__).with_name(name)), f"/usr/local/sbin/{name}"]
                for name in ("tcpdump", "dnsmasq")
            ),
            *(
                [
                    [str(stock.launcher), "/usr/libexec/qemu-kvm"],
                    [str(stock.launcher.with_name("instant")), "/usr/local/bin/instant"],
                ]
                if stock.launcher
                else []
            ),
        ],
        "shown": [[str(image), "/vms/base/guest.qcow2"]] if (image := _image_of(home, stock)) else [],
        # Templates were made from the newest image; the disks of an older bench lean on another one.
        "templates": str(stock.templates)
        if stock.templates and stock.image and stock.image.resolve() == image
        else None,
        "engine": stock.engine,
        "journal": str(journals[0]) if journals else None,
    }


_SYSTEM = tuple(
    Path("/", name)
    for name in ("usr", "etc", "dev", "proc", "sys", "run", "var", "boot", "bin", "sbin", "lib", "lib64")
)


def _writable(workdir: Path, mounts: Sequence[Path]) -> list[Path]:
    """The working directory and the course's notebooks; never a whole home, never the system's own.

    Raises:
        BadInput: a directory that was asked for cannot be shown.
    """
    home = Path.home().resolve()
    notebooks = places.notebooks_directory()
    kept: list[Path] = []
    for directory in (path.resolve() for path in (workdir, notebooks) if path is not None):
        too_much = directory in (home, *home.parents) or len(directory.parts) < 3 or _ours(directory)
        if not too_much and not any(top in (directory, *directory.parents) for top in (*_SYSTEM, *kept)):
            kept.append(directory)
    for path in mounts:
        directory = path.resolve()
        if (
            not directory.is_dir()
            or directory == Path("/")
            or _ours(directory)
            or _overlap(directory, _SYSTEM)
        ):
            raise BadInput(
                f"--mount {path}: not a directory, or one that the system or kvmbench itself lives in",
                "Name a directory of your own, for example --mount ~/images.",
            )
        kept.append(directory)
    return kept


def _overlap(directory: Path, others: Sequence[Path]) -> bool:
    return any(directory in (other, *other.parents) or other in directory.parents for other in others)


def _ours(directory: Path) -> bool:
    """Who writes to the data directory, or to kvmbench's modules, decides what runs on the machine next."""
    if _overlap(directory, [places.data_directory().resolve()]):
        return True
    notebooks = places.notebooks_directory()
    if notebooks is not None and notebooks.resolve() in (directory, *directory.parents):
        return False
    return any(own in (directory, *directory.parents) for own in places.environment_directories())


def _stock_home(home: Path, stock: Stock) -> None:
    keys = home / "home" / ".ssh"
    if stock.key is not None and not keys.exists():
        keys.mkdir(mode=0o700)
        shutil.copy(stock.key, keys / "id_ed25519")
        shutil.copy(f"{stock.key}.pub", keys / "id_ed25519.pub")
        (keys / "id_ed25519").chmod(0o600)


def _stock_images(home: Path, stock: Stock) -> None:
    """The disks that the tutorial's guests start from, each an overlay of the course's image."""
    disks = home / "vms" / "cirros"
    if stock.image is None or disks.exists():
        return
    (home / "vms" / "centos").mkdir(exist_ok=True)
    disks.mkdir()
    for number in (1, 2):
        line = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", "/vms/base/guest.qcow2", "-F", "qcow2", "-u"]
        made = run([*line, str(disks / f"cirros{number}.img"), str(stock.image_size_bytes)])
        if not made.ok:
            raise BenchCreationFailed(
                f"the guests' disks could not be made: {made.err.strip()}",
                "Look whether the disk is full (df -h), then type it again.",
            )


def _image_of(home: Path, stock: Stock) -> Path | None:
    """The image that this bench began with: its disks lean on it, also when newer benches get another one."""
    remembered = home / "base"
    if stock.image is not None and not remembered.is_symlink():
        remembered.symlink_to(stock.image.resolve())
    if remembered.is_symlink() and not remembered.exists():
        raise BenchCreationFailed(
            f"the image that the disks of bench {home.name!r} lean on is gone: {remembered.readlink()}",
            f"Put it back, or start with new disks: kvmbench bench reset {home.name}",
        )
    return remembered.readlink() if remembered.is_symlink() else None


def launch(plan: dict[str, Any], home: Path) -> tuple[Record, dict[str, int]]:
    """Start the keeper; it lives on only once its record is written and it was told to go.

    Of a strict bench doors come back: descriptors of the outside host's namespaces (user, mnt, net), and
    the `lifeline`, a pipe's end with which the keeper ends.
    """
    doors: dict[str, int] = {}
    status_reading, status_writing = os.pipe()
    go_reading, go_writing = os.pipe()
    with open(home / "keeper.log", "wb") as log:
        launcher = subprocess.Popen(
            [
                *(sys.executable, "-m", "kvmbench.bench.keeper"),
                str(status_writing),
                str(go_reading),
                str(home),
            ],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=(status_writing, go_reading),
            start_new_session=True,
            cwd="/",  # Python looks for modules where it starts, and benches write to working directories
            env={"PATH": PATH, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        )
    os.close(status_writing)
    os.close(go_reading)
    assert launcher.stdin is not None
    try:
        launcher.stdin.write(json.dumps(plan).encode())
        launcher.stdin.close()
        said = _listen(status_reading, timeout_s=60)
        launcher.wait()
        if "ready" not in said:
            raise BenchCreationFailed(
                f"bench {plan['name']!r} could not be made: {said.get('failed', 'its first process ended')}",
                f"See what this machine lacks: kvmbench doctor. The log is {home / 'keeper.log'}.",
            )
        keeper = int(said["keeper"])
        init = init_of(keeper)
        record = Record(
            plan["name"],
            keeper,
            start_time(keeper) or 0,
            init,
            start_time(init) or 0,
            boot_id(),
            plan["workdir"],
        )
        write_record(home, record)
        if plan["strict"]:
            for kind in ("user", "mnt", "net"):
                doors[kind] = os.open(f"/proc/{keeper}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
            doors["lifeline"] = go_writing
        os.write(go_writing, b"g")
        return record, doors
    finally:
        os.close(status_reading)
        if "lifeline" not in doors:
            os.close(go_writing)  # a keeper that was not told to go ends here


def _listen(pipe: int, *, timeout_s: float) -> dict[str, Any]:
    """All that the launcher and the keeper say until one is ready, one fails, or both are gone."""
    said: dict[str, Any] = {}
    text = b""
    deadline = time.monotonic() + timeout_s
    while not {"ready", "failed"} & said.keys():
        if not select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return said | {"failed": f"it was not ready after {timeout_s:g} s"}
        more = os.read(pipe, 4096)
        if not more:
            return said
        text += more
        *lines, text = text.split(b"\n")
        for line in lines:
            said |= json.loads(line)
    return said
