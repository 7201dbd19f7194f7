"""How QEMU fills in -smp: what is left out is computed from what is said (QEMU manual, -smp; since 6.2)."""

from __future__ import annotations

from dataclasses import fields

from kvmbench.errors import BadInput
from kvmbench.qemu.line.description import Smp

MOST = 255
"""processors on the board pc; q35 takes some more"""


def arranged(smp: Smp) -> Smp:
    """All of it, as QEMU computes it: cores go before sockets, sockets before threads.

    >>> arranged(Smp(cpus=2)).cores, arranged(Smp(cpus=8, sockets=2)).cores
    (2, 4)

    Raises:
        BadInput: it does not multiply out, or something is 0.
    """
    for each in fields(smp):
        if getattr(smp, each.name) == 0:
            raise BadInput(
                f"-smp: {each.name}=0 is no number of {each.name}", "Each is 1 at least, or left out."
            )
    dies, clusters = smp.dies or 1, smp.clusters or 1
    sockets, cores, threads = smp.sockets or 0, smp.cores or 0, smp.threads or 0
    most = smp.maxcpus or smp.cpus or 0
    if not most:
        sockets, cores, threads = sockets or 1, cores or 1, threads or 1
    elif not cores:
        sockets, threads = sockets or 1, threads or 1
        cores = most // (sockets * dies * clusters * threads)
    elif not sockets:
        threads = threads or 1
        sockets = most // (dies * clusters * cores * threads)
    threads = threads or most // (sockets * dies * clusters * cores or 1)
    total = sockets * dies * clusters * cores * threads
    most = most or total
    cpus = smp.cpus or most
    if total != most:
        raise BadInput(
            f"-smp: {_product(smp, total)} processors, not {most}",
            f"Sockets × dies × cores × threads has to be {most}; leave some of them out, and QEMU fits them.",
        )
    if cpus > most:
        raise BadInput(
            f"-smp: {cpus} processors at the start are more than the {most} that there can be",
            f"Write maxcpus={cpus} or more, or leave maxcpus= out.",
        )
    return Smp(cpus, most, sockets, dies, clusters, cores, threads)


def _product(smp: Smp, total: int) -> str:
    named = ("sockets", "dies", "clusters", "cores", "threads")
    said = [f"{getattr(smp, name)} {name}" for name in named if getattr(smp, name) is not None]
    if not total:
        return f"{' × '.join(said)} do not fit into the number of"
    return f"{' × '.join(said)} make {total}"
