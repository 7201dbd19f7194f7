"""Consoles and the live picture kept open for minutes: what grows, the kernel, the page or the file?

    .venv/bin/python -m tests.browser.soak ADDRESS_WITH_TOKEN [--minutes 10]

Three guests with screen and serial line each; two of them print on both all the while, and a cable comes and
goes in the picture.
"""

from __future__ import annotations

import argparse
import json
import time

from playwright.sync_api import Page

from tests.browser.lab import NOTEBOOKS, chromium, open_notebook, run_cell, shoot, written

THIRD = "qemu-kvm -name c3 -m 256 -snapshot -drive file=/vms/c3.img,if=virtio,format=qcow2 -vnc :5 -daemonize"
BUSY = "(while :; do date | tee /dev/tty1; usleep 200000; done) >/dev/ttyS0 2>&1 &"
CABLE = "while :; do ip link add va type veth peer name vb; sleep 2; ip link del va; sleep 2; done"
CELLS = (
    'from kvmbench import catch_up, console, live, screen\ncatch_up("consoles")',
    f"""import os
os.system("qemu-img create -q -f qcow2 -F qcow2 -b /vms/cirros/cirros1.img /vms/c3.img")
os.system("{THIRD} -nic none")""",
    'screen("c1")',
    'screen("c2")',
    'screen("c3")',
    'console("c1")',
    'console("c2")',
    'console("c3")',
    'live("guests")',
    f'import subprocess\ncable = subprocess.Popen(["sh", "-c", "{CABLE}"])',
    f'[console(name).run("{BUSY}") for name in ("c1", "c2")]',
    'print([line for line in open("/proc/self/status") if line.startswith("VmRSS")][0])',
)
MEASURES = len(CELLS) - 1


def kernel_mib(page: Page) -> float:
    run_cell(page, MEASURES)
    said = page.locator(".jp-CodeCell").nth(MEASURES).locator(".jp-OutputArea-output").inner_text()
    return int(said.split()[1]) / 1024


def page_mib(page: Page) -> float:
    """The JavaScript heap after a collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    used = session.send("Runtime.getHeapUsage")["usedSize"]
    session.detach()
    return float(used) / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--minutes", type=float, default=10)
    given = parser.parse_args()
    with chromium() as browser, written("soak", *CELLS) as name:
        page = browser.new_page()
        open_notebook(page, given.address, name)
        for number in range(MEASURES):
            run_cell(page, number, timeout_s=150)
        began = time.monotonic()
        while (passed := (time.monotonic() - began) / 60) <= given.minutes:
            page.keyboard.press("Control+s")
            figures = {
                "minutes": round(passed, 1),
                "kernel_mib": round(kernel_mib(page), 1),
                "page_mib": round(page_mib(page), 1),
                "notebook_kib": round((NOTEBOOKS / name).stat().st_size / 1024, 1),
            }
            print(json.dumps(figures), flush=True)
            page.wait_for_timeout(30_000)
        shoot(page, "soak")


if __name__ == "__main__":
    main()
