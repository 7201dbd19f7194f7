"""A notebook's kernel on a bench, driven as JupyterLab and nbclient do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from kvmbench.system import Completed, run
from tests.bench.conftest import Person, processes

pytestmark = pytest.mark.bench

PRELUDE = """
import asyncio, json, os, sys, time
from pathlib import Path
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
import kvmbench.bench.provisioner as provisioner
from jupyter_client.provisioning import KernelProvisionerFactory

NAME = {name!r}
where = Path(provisioner.__file__).parent / "kernelspec" / "kernel.json"
spec = KernelSpec(**json.loads(where.read_text()))

class Specs(KernelSpecManager):
    def get_kernel_spec(self, name):
        return spec

async def run(client, code, timeout=30):
    said = []
    def hear(message):
        if message["header"]["msg_type"] in ("stream", "error"):
            said.append(message["content"].get("text", "") or str(message["content"]))
    reply = await client.execute_interactive(code, timeout=timeout, output_hook=hear)
    return reply["content"]["status"], "".join(said)

async def start():
    manager = AsyncKernelManager(kernel_name="kvmbench", kernel_spec_manager=Specs())
    await manager.start_kernel(env=dict(os.environ) | {{"KVMBENCH_BENCH": NAME}})
    client = manager.client()
    client.start_channels()
    await client.wait_for_ready(timeout=60)
    return manager, client
"""


def notebook(person: Person, name: str, code: str) -> Completed:
    """Run the body of a coroutine that has `start()` and `run(client, code)` at hand."""
    program = (
        PRELUDE.format(name=name) + "\nasync def main():\n" + textwrap.indent(textwrap.dedent(code), "    ")
    )
    script = person.work / "drive.py"
    script.write_text(program + "\nasyncio.run(main())\n")
    line = [*person.prefix, person.python, str(script)]
    return run(line, env=person.environment, cwd=person.work, timeout_s=120)


def test_cells_run_on_the_bench_and_a_restart_keeps_it(person: Person, bench: str) -> None:
    ended = notebook(
        person,
        bench,
        """
        manager, client = await start()
        print(await run(client, "!hostname; ip -4 -br addr show ens33; brctl addbr kept; (sleep 400 &)"))
        await manager.restart_kernel(now=False)
        await client.wait_for_ready(timeout=60)
        print(await run(client, "!ls -d /sys/class/net/kept; pgrep -x sleep | wc -l"))
        await manager.shutdown_kernel()
        """,
    ).checked()
    assert bench in ended.out
    assert "172.16.0.67/16" in ended.out
    assert "/sys/class/net/kept" in ended.out.splitlines()[1]
    assert person.kvmbench("exec", "-b", bench, "--", "ls", "/sys/class/net/kept").ok
    assert not list((person.home / "kb" / "benches" / bench / "run").iterdir())


def test_a_link_in_place_of_the_sockets_leads_no_restart_astray(person: Person, bench: str) -> None:
    ended = notebook(
        person,
        bench,
        """
        manager, client = await start()
        room = manager.ip.rpartition("/")[0]
        await run(client, f"!rm -r {room}; ln -s /etc {room}")
        await manager.restart_kernel(now=True)
        await client.wait_for_ready(timeout=60)
        print(await run(client, "!hostname"))
        await manager.shutdown_kernel()
        """,
    ).checked()
    assert bench in ended.out
    assert not Path("/etc/kernel.json").exists()


def test_a_missing_bench_is_made_by_its_first_kernel(person: Person) -> None:
    try:
        ended = notebook(
            person,
            "by-kernel",
            """
            manager, client = await start()
            print(await run(client, "!hostname"))
            await manager.shutdown_kernel()
            """,
        ).checked()
        assert "by-kernel" in ended.out
    finally:
        person.kvmbench("bench", "destroy", "by-kernel").checked()


def test_two_kernels_share_one_bench(person: Person, bench: str) -> None:
    ended = notebook(
        person,
        bench,
        """
        one, first = await start()
        two, second = await start()
        await run(first, "!ip link add shared type bridge")
        print(await run(second, "!ls /sys/class/net"))
        await one.shutdown_kernel()
        print(await run(second, "1 + 1"))
        await two.shutdown_kernel()
        """,
    ).checked()
    assert "shared" in ended.out
    assert "('ok', '')" in ended.out


def test_an_interrupt_reaches_the_cell_and_not_what_it_left_behind(person: Person, bench: str) -> None:
    ended = notebook(
        person,
        bench,
        """
        manager, client = await start()
        await run(client, "import subprocess; p = subprocess.Popen(['sleep', '99'], start_new_session=True)")
        task = asyncio.ensure_future(run(client, "import time; time.sleep(60)"))
        await asyncio.sleep(1)
        began = time.monotonic()
        await manager.interrupt_kernel()
        status, said = await task
        print(status, "KeyboardInterrupt" in said, time.monotonic() - began < 5)
        print(await run(client, "p.poll()is None or 1/0"))
        await manager.shutdown_kernel()
        """,
    ).checked()
    assert ended.out.splitlines()[0] == "error True True"
    assert "('ok'" in ended.out.splitlines()[1]


def test_a_killed_kernel_leaves_the_bench_going(person: Person, bench: str) -> None:
    ended = notebook(
        person,
        bench,
        """
        manager, client = await start()
        try:
            await run(client, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", timeout=3)
        except Exception as gone:
            print("gone")
        print(await manager.is_alive())
        await manager.shutdown_kernel(now=True)
        """,
    ).checked()
    assert ended.out.splitlines()[-1] == "False"
    assert person.kvmbench("exec", "-b", bench, "--", "true").ok


def test_a_killed_jupyter_server_takes_its_kernels_along(person: Person, bench: str) -> None:
    script = person.work / "server.py"
    script.write_text(
        PRELUDE.format(name=bench) + "\nasync def main():\n    await start()\n    print('up', flush=True)\n"
        "    await asyncio.sleep(100)\n"
        "asyncio.run(main())\n"
    )
    server = subprocess.Popen(
        [*person.prefix, person.python, str(script)], env=person.environment, cwd=person.work, stdout=-1
    )
    assert server.stdout is not None
    assert server.stdout.readline() == b"up\n"
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    deadline = time.monotonic() + 10
    while left := [line for line in processes().values() if "ipykernel" in line and bench in line]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
    assert person.kvmbench("exec", "-b", bench, "--", "true").ok


def test_the_kernelspec_names_the_provisioner_that_is_installed() -> None:
    from importlib.metadata import entry_points

    spec = Path(__file__).resolve().parents[2] / "kvmbench" / "bench" / "kernelspec" / "kernel.json"
    assert '"kvmbench-provisioner"' in spec.read_text()
    (found,) = entry_points(group="jupyter_client.kernel_provisioners", name="kvmbench-provisioner")
    assert found.value == "kvmbench.bench.provisioner:BenchProvisioner"
    assert Path(sys.prefix, "share", "jupyter", "kernels", "kvmbench", "kernel.json").exists()


def test_progress_survives_a_killed_kernel_a_reset_bench_and_an_ended_one(person: Person, bench: str) -> None:
    body = """
        manager, client = await start()
        print(await run(client, {code!r}))
        await manager.shutdown_kernel(now=True)
        """
    solving = "!kvmbench hint bridge; kvmbench solve veth; kvmbench check veth bridge"
    shown = notebook(
        person,
        bench,
        f"""
        manager, client = await start()
        print(await run(client, {solving!r}, timeout=100))
        client.execute("import os; os.kill(os.getpid(), 9)")
        while await manager.is_alive():
            await asyncio.sleep(0.05)
        await manager.shutdown_kernel(now=True)
        """,
    )
    assert "('ok'" in shown.out, shown
    asking = body.format(code="!kvmbench progress | cat")

    def seen() -> list[list[str]]:
        told = notebook(person, bench, asking).checked().out.replace("\\n", "\n")
        told = told.replace("\\r", "")
        return [line.split() for line in told.splitlines() if line.startswith(("veth ", "bridge "))]

    wanted = [
        ["veth", "3", "of", "3", "✓", "passed", "solution"],
        ["bridge", "0", "of", "2", "✗", "failed", "1"],
    ]
    assert seen() == wanted
    person.kvmbench("bench", "stop", bench).checked()  # what a restart of the machine leaves: files alone
    assert seen() == wanted
    person.kvmbench("bench", "reset", bench).checked()
    assert seen() == wanted
    person.kvmbench("bench", "destroy", bench).checked()
    person.kvmbench("bench", "create", bench).checked()
    assert [line[4:] for line in seen()] == [["·", "not", "checked"]] * 2
