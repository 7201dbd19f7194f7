"""The command about many hosts on a bench."""

from __future__ import annotations

from typing import Annotated

import typer

from kvmbench.cli.app import BenchOption, app, flags_of, onto_bench
from kvmbench.errors import BadInput


@app.command()
def hosts(
    count: Annotated[int | None, typer.Argument(help="How many, 1 to 1000: h1, h2, …")] = None,
    name: BenchOption = None,
    bridge: Annotated[str, typer.Option(help="The bridge that they are on.")] = "br-hosts",
    network: Annotated[str, typer.Option(help="Host n has the n-th address of it.")] = "10.77.0.0/16",
    gateway: Annotated[str, typer.Option(help="Where their default route leads.")] = "",
    delete: Annotated[bool, typer.Option("--delete", help="Delete them instead; the bridge stays.")] = False,
) -> None:
    """Make many hosts on a bridge at once (network namespaces with an address each), or delete them."""
    if (count is None) != delete:
        raise BadInput(
            "hosts takes a number, or --delete", "For example: kvmbench hosts 100; kvmbench hosts --delete"
        )
    numbers = [] if count is None else [str(count)]
    options = ["--bridge", bridge, "--network", network, *(["--gateway", gateway] if gateway else [])]
    onto_bench(name, "hosts", *numbers, *options, *flags_of(delete=delete))
    from kvmbench.act import hosts as many
    from kvmbench.act.action import apply

    if count is None:
        done = apply(many.delete(bridge=bridge))
        print(f"the hosts on {bridge} are gone" if done.ran else f"there are no hosts on {bridge}")
        return
    done = apply(many.add(count, bridge=bridge, network=network, gateway=gateway))
    print(f"{count} hosts on {bridge}: h1 to h{count}" + ("" if done.ran else " (they were there already)"))
