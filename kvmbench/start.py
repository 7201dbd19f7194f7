"""What `kvmbench up` does once the environment is there: the guest image, the self-test, JupyterLab."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kvmbench.bench import lifecycle, places, stock
from kvmbench.errors import KvmbenchError, NoSuchBench, TemplateFailed
from kvmbench.system import course_place, jupyter_terminals, run


def say(line: str) -> None:
    print(line, flush=True)


def stock_up(
    *, imported: Path | None = None, built: bool = False, again: bool = False, everyone: bool = False
) -> stock.Stock:
    """Find or build what goes onto new benches, and remember it.

    The guest image is the `imported` one from now on, or with `built` the course's own; `again` builds that
    from today's packages. For `everyone` it is for all users of this machine who have none of their own.

    Raises:
        BadInput: it is for everyone, and this is not root.
        ImageBuildFailed: a package could not be had, or the image could not be put together.
    """
    from kvmbench.qemu import guestimage, launcher
    from kvmbench.system.kvm import engine, probe_kvm

    kept = stock.make_shared_directory() if everyone else guestimage.cache_directory()
    if imported is not None:
        image = guestimage.import_image(imported, kept)
    else:
        if built:
            guestimage.use_built_image(kept)
        image = guestimage.ensure_guest_image(kept, say, force=again)
    kvm = probe_kvm()
    facts = {
        "engine": engine(kvm),
        "reason": kvm.reason,
        "kvm_device": kvm.device == "openable",
        "kvm_works": kvm.works,
        "cpu_flag": kvm.cpu_flag,
    }
    asked = ["qemu-img", "info", "-U", "--output=json", str(image)]
    info = json.loads(run(asked).checked("Is qemu-utils installed? kvmbench doctor tells.").out)
    found = stock.Stock(
        image=image,
        image_size_bytes=int(info["virtual-size"]),
        launcher=launcher.source(),
        key=guestimage.guest_key(kept),
        templates=_templates(image, engine(kvm)),
        engine=json.dumps(facts),
    )
    if everyone:
        # Each student's guests accept it, and no other student can reach those: it is a key for all of them.
        guestimage.guest_key(kept).chmod(0o644)
    stock.save(found, kept if everyone else None)
    return found


def _templates(image: Path, engine: str) -> Path | None:
    """What the course's guests wake up from; without it they boot."""
    from kvmbench.course.plan import C1, C3
    from kvmbench.qemu import template

    try:
        return template.ensure(image, engine, [template.shape_of(plan) for plan in (C1, C3)], say)
    except TemplateFailed as error:
        say(str(error))
        return None


QUIET = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}
"""settings of JupyterLab in kvmbench's own environment: a course is no place for its news"""


def jupyterlab(*, browser: bool, port: int) -> int:
    """Start JupyterLab on the course's notebooks, or on an own course; it takes this process's place."""
    stock_up()
    overrides = Path(sys.prefix, "share", "jupyter", "lab", "settings", "overrides.json")
    if not overrides.exists():
        with suppress(OSError):  # the environment is somebody else's: then they are asked about news
            overrides.parent.mkdir(parents=True, exist_ok=True)
            overrides.write_text(json.dumps(QUIET))
    notebooks = course_place.named() or places.notebooks_directory() or Path.cwd()
    line = [
        *(sys.executable, "-m", "jupyterlab"),
        *(f"--ServerApp.root_dir={notebooks}", f"--ServerApp.port={port}"),
        "--MultiKernelManager.default_kernel_name=kvmbench",
        # Of its thirty lines one matters here: the address, which it prints at any level.
        "--Application.log_level=WARN",
        "--LanguageServerManager.autodetect=False",  # it would run npm, which writes into the home
        jupyter_terminals.option(),
        *([] if browser else ["--no-browser"]),
        *(["--allow-root"] if os.geteuid() == 0 else []),
    ]
    say(f"starting JupyterLab on {notebooks}; end it with Ctrl-C")
    os.execve(sys.executable, line, jupyter_terminals.with_our_programs())


@contextmanager
def passing_bench(name: str, workdir: Path) -> Iterator[lifecycle.Bench]:
    """A fresh bench that is gone afterwards, whatever happens."""
    made = lifecycle.reset(name, stock.load_or_make(), workdir=workdir)
    try:
        yield made
    finally:
        with suppress(NoSuchBench):
            lifecycle.destroy(name)


SELF_TEST = {
    "the outside host answers": "ping -c1 -W2 172.16.0.1 >/dev/null && curl -s -m5 http://172.16.0.1/",
    "bridges, the old way": "brctl addbr br-test && ifconfig br-test up && brctl show | grep br-test",
    "veth pairs and namespaces": """ip link add va type veth peer name vb && ip netns add room &&
        ip link set vb netns room && ip netns exec room ifconfig -a | grep vb:""",
    "forwarding can be switched": "sysctl -w net.ipv4.ip_forward=1",
    "packet filter rules": """iptables -t nat -A POSTROUTING -o ens33 -j MASQUERADE &&
        iptables -t nat -vnL | grep MASQ""",
    "packets can be watched": """timeout 5 tcpdump -c1 -w /tmp/seen -i ens33 icmp 2>/dev/null &
        sleep 0.3; ping -c2 -i0.3 172.16.0.1 >/dev/null; wait $! && echo seen""",
    "dnsmasq serves": """ip addr add 10.9.9.1/24 dev br-test &&
        dnsmasq -i br-test -F 10.9.9.2,10.9.9.9 && pidof dnsmasq >/dev/null && echo serving""",
    "a disk image": """qemu-img create -q -f qcow2 -o preallocation=metadata,size=1g /vms/t &&
        qemu-img info /vms/t | grep 'disk size'""",
    "a guest starts and answers": """/usr/libexec/qemu-kvm -name probe -m 256 -net none -display none \
        -daemonize -drive file=/vms/cirros/cirros1.img,if=virtio,format=qcow2 &&
        kvmbench exec --guest probe --timeout 60 -- hostname""",
}
"""what has to work on a bench, as a shell line each; what it prints is shown"""


def self_test(report: Callable[[str], None] = say) -> int:
    """Try everything that the course needs on a fresh bench; 0 when all of it works."""
    from kvmbench.bench import enter

    found = stock_up()
    facts = json.loads(found.engine)
    report(f"guests run under {facts['engine'].upper()}: {facts['reason']}")
    failures = 0
    started = time.monotonic()
    try:
        with passing_bench(f"selftest-{os.getpid()}", Path.cwd()) as bench:
            report(f"✓ a bench is made ({time.monotonic() - started:.2f} s)")
            for title, line in SELF_TEST.items():
                started = time.monotonic()
                ended = enter.capture(bench, ["sh", "-c", line])
                took = f"{time.monotonic() - started:.2f} s"
                last = (ended.out + ended.err).strip().splitlines()[-1:] or [""]
                failures += not ended.ok
                report(f"{'✓' if ended.ok else '✗'} {title} ({took}): {last[0].expandtabs(1)}")
    except KvmbenchError as error:
        report(f"✗ {error}")
        failures += 1
    report(
        "everything works"
        if not failures
        else f"{failures} failed; `kvmbench doctor` says what this machine lacks"
    )
    return 1 if failures else 0
