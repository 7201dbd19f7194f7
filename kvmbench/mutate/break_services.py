"""Ways to break files, images, dnsmasq, leases, and what is known of the machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

from kvmbench.model import DhcpServer, FileSeen, Flow, Image, Lease, Rule, Snapshot, Verdict
from kvmbench.mutate import changes
from kvmbench.mutate.mutant import Atom, Mutant

ROUTER = 3
ELSEWHERE = "a name server does not run there"


def file_mutants(seen: Snapshot, wanted: frozenset[Atom]) -> Iterator[Mutant]:
    """Each file that a fact is about."""
    for path in sorted({atom[1] for atom in wanted if atom[0] == "file"}):
        file = seen.file(path)
        if file is None:
            continue

        def other(
            operator: str, part: tuple[str, ...], words: tuple[str, ...], path: str = path, **to: Any
        ) -> Mutant:
            changed = changes.change_file(seen, path, **to)
            return Mutant(operator, path, changed, frozenset({("file", path, *part)}), words)

        nothing: dict[str, Any] = {"resolves": False, "executable": False, "text": ""}
        gone = {**nothing, "kind": "missing", "target": None}
        makes = ("`ln -s` takes the old name first", "Write the script to", f"make {path} first")
        yield other("missing", (), makes, **gone)
        unseen = replace(seen, files=tuple(one for one in seen.files if one.path != path))
        yield Mutant("missing, and never seen", path, unseen, frozenset({("file", path)}), makes)
        yield from (_of_link if file.kind == "link" else _of_script)(file, other)


def _of_link(file: FileSeen, other: Any) -> Iterator[Mutant]:
    yield other("a copy", ("kind",), ("A copy does not follow",), kind="file", target=None)
    strange = ("`ln -sf` puts a new link",)
    yield other("to something else", ("target",), strange, target="/usr/bin/true")
    nothing = ("letter by letter", "make ")
    dead: dict[str, Any] = {"target": (file.target or "") + "x", "resolves": False, "executable": False}
    lost = other("to nothing", ("target",), nothing, **dead)
    yield replace(lost, breaks=lost.breaks | {("file", file.path, "resolves")})
    yield other("target gone", ("resolves",), ("has to come back", "make "), resolves=False, executable=False)


def _of_script(file: FileSeen, other: Any) -> Iterator[Mutant]:
    yield other("a directory", ("kind",), ("it opens no drawer",), kind="directory", text="")
    yield other("not executable", ("executable",), ("it needs the x bit",), executable=False)
    yield other("empty", ("text",), ("the lines are not",), text="")
    body = file.text.partition("\n")[2]
    yield other("no interpreter line", ("text",), ("The very first two characters",), text=body)
    yield other("interpreter unnamed", ("text",), ("belongs a shell's full path",), text="#!\n" + body)
    yield other("line ends of Windows", ("text",), ("as on Windows",), text=file.text.replace("\n", "\r\n"))
    nothing: dict[str, Any] = {"resolves": False, "executable": False, "text": ""}
    dead_link = {**nothing, "kind": "link", "target": "/nowhere"}
    yield other("a dead link", ("kind",), ("The link leads nowhere",), **dead_link)


def image_mutants(seen: Snapshot, wanted: frozenset[Atom]) -> Iterator[Mutant]:
    """Each disk image that a fact is about."""
    for path in sorted({atom[1] for atom in wanted if atom[0] == "image"}):
        image = seen.image(path)
        if image is not None:
            yield from _of_image(seen, image)


def _of_image(seen: Snapshot, image: Image) -> Iterator[Mutant]:
    path, size = image.path, image.virtual_size_bytes

    def other(operator: str, part: str, words: tuple[str, ...], **to: Any) -> Mutant:
        changed = changes.change_image(seen, path, **to)
        return Mutant(operator, path, changed, frozenset({("image", path, part)}), words)

    gone = replace(seen, images=tuple(one for one in seen.images if one.path != path))
    for above in seen.images:
        if above.backing == path:
            trouble = f"Could not open '{path}': No such file or directory"
            gone = changes.change_image(gone, above.path, trouble=trouble)
    words = ("Create it: `qemu-img create`", "An overlay is nothing without its backing file")
    yield Mutant("missing", path, gone, frozenset({("image", path)}), words)
    makes = ("`qemu-img create` makes raw unless told",)
    yield other("raw", "format", makes, format="raw", preallocated=None)
    yield other("another format", "format", makes, format="vmdk", preallocated=None)
    yield other("a letter too small", "size", ("its letter is not",), virtual_size_bytes=size >> 10)
    yield other("too small", "size", ("Too small",), virtual_size_bytes=size // 2)
    yield other("too large", "size", ("Too large",), virtual_size_bytes=size + (1 << 30))
    yield other(
        "damaged", "trouble", ("`qemu-img check` says", "An overlay is nothing"), trouble="Image is corrupt"
    )
    option = ("Preallocation is an option of the format",)
    yield other("not preallocated", "preallocated", option, preallocated=False, actual_size_bytes=200704)
    if image.backing:
        alone = ("An overlay names its backing file",)
        yield other("without backing", "backing", alone, backing=None, backing_format=None)
        yield other("over another", "backing", ("`qemu-img rebase` moves",), backing="/vms/base/other.qcow2")
        lost = f"Could not open backing file: Could not open '{image.backing}': No such file or directory"
        yield other(
            "backing gone", "trouble", ("An overlay is nothing without its backing file",), trouble=lost
        )


def dhcp_mutants(seen: Snapshot, wanted: frozenset[Atom]) -> Iterator[Mutant]:
    """dnsmasq, where a fact is about it."""
    if not any(atom[0] == "dhcp" for atom in wanted) or not seen.dhcp_servers:
        return
    server = seen.dhcp_servers[0]
    none = ("dnsmasq goes to the background by itself", "start dnsmasq", ELSEWHERE)
    ended = replace(changes.serving(seen), leases=())  # its leases are looked for where it says
    yield Mutant("not started", "dnsmasq", ended, frozenset({("dhcp",)}), none)

    def other(operator: str, part: str, *words: str, **to: Any) -> Mutant:
        changed = changes.serving(seen, replace(server, **to))
        return Mutant(operator, "dnsmasq", changed, frozenset({("dhcp", part)}), words)

    yield other(
        "in a namespace", "where", "A server hears its own namespace only", ELSEWHERE, netns="router1"
    )
    yield other("on another interface", "interface", "-i names the interface", interfaces=("vethm.1",))
    compare, lowest = "compare both ends with the goal", "-F takes the lowest address first"
    yield other("other range", "range", compare, ranges=(("10.1.1.110", "10.1.1.200"),))
    yield other("range cut short", "range", compare, ranges=tuple((low, low) for low, _ in server.ranges))
    yield other("range backwards", "range", lowest, ranges=tuple((high, low) for low, high in server.ranges))
    yield other("without a range", "range", "Without -F it serves names", ranges=())
    words_router = ("Option 3 is the gateway", "An old default route is in the way")
    yield other("other router", "router", *words_router, options={**server.options, ROUTER: "10.1.1.1"})
    twice = changes.serving(seen, server, replace(server, pid=server.pid + 1))
    words = ("Two servers on one wire",)
    yield Mutant("started twice", "dnsmasq", twice, frozenset({("dhcp", "one")}), words)
    yield from _unserved(seen, server)


def _unserved(seen: Snapshot, server: DhcpServer) -> Iterator[Mutant]:
    """dnsmasq is as it should be, and has nothing to give, or is not asked."""
    held = {lease.address for lease in seen.leases}
    every = [
        str(IPv4Address(number))
        for low, high in server.ranges
        for number in range(int(IPv4Address(low)), int(IPv4Address(high)) + 1)
    ]
    until = int(seen.taken_at) + 3600
    promised = [
        Lease(one, f"52:54:00:99:00:{n:02x}", None, until) for n, one in enumerate(every) if one not in held
    ]
    full = replace(seen, leases=(*seen.leases, *promised))
    ends = ("a lease ends by its time",)
    yield Mutant("all addresses promised", "dnsmasq", full, frozenset({("dhcp", "room")}), ends)
    asked: frozenset[Atom] = frozenset({("dhcp", "asked")})
    to = "255.255.255.255:6767"
    flow = Flow("udp", IPv4Address("0.0.0.0"), IPv4Address("255.255.255.255"), 67, to, 29)
    stale = changes.change_netns(seen, "", flows=(flow,))
    words = ("Rules are asked for the first packet only",)
    yield Mutant("remembered to be led elsewhere", "DHCP questions", stale, asked, words)
    rule = Rule(
        *(
            "ip",
            "nat",
            "PREROUTING",
            "prerouting",
            "dnat",
            "-A PREROUTING -p udp --dport 67 -j DNAT --to :6767",
        ),
        protocol="udp",
        port=67,
        to=":6767",
    )
    room = seen.netns("")
    led = changes.change_netns(seen, "", rules=(*(room.rules if room else ()), rule))
    words = ("Rules of PREROUTING come before anybody on the bench",)
    yield Mutant("led elsewhere", "DHCP questions", led, asked, words)


def lease_mutants(seen: Snapshot, wanted: frozenset[Atom]) -> Iterator[Mutant]:
    """The lease of each guest that a fact is about."""
    for name in sorted({atom[1] for atom in wanted if atom[0] == "lease"}):
        guest = seen.guest(name)
        macs = {nic.mac.lower() for nic in guest.nics} if guest else set()
        mine = tuple(lease for lease in seen.leases if lease.mac.lower() in macs)
        others = tuple(lease for lease in seen.leases if lease.mac.lower() not in macs)
        if not mine:
            continue

        def held(
            operator: str, part: tuple[str, ...], word: str, rest: Any = others, name: str = name, **to: Any
        ) -> Mutant:
            kept = tuple(replace(lease, **to) for lease in mine) if to else ()  # noqa: B023 (used at once)
            changed = replace(seen, leases=(*rest, *kept))
            return Mutant(operator, f"lease of {name}", changed, frozenset({("lease", name, *part)}), (word,))

        yield held("never taken", (), "A guest has to ask")
        yield held("of another MAC", (), "A guest has to ask", mac="52:54:00:88:88:88")
        yield held("run out", ("time",), "It was not renewed", expires=int(seen.taken_at) - 60)
        yield held("of another range", ("range",), "The lease is from another range", address="10.1.1.150")
        unused = str(IPv4Address(mine[0].address) + 1)
        yield held("of an unused address", ("used",), "A lease is a promise", address=unused)


def host_mutants(seen: Snapshot, wanted: frozenset[Atom]) -> Iterator[Mutant]:
    """The machine under the bench, where a fact is about it."""
    if seen.host is None or not any(atom[0] == "host" for atom in wanted):
        return
    host = seen.host
    unknown = replace(seen, host=None)
    yield Mutant("not looked at", "the machine", unknown, frozenset({("host",)}), (), "blocked")
    odd = replace(seen, host=replace(host, engine=""))
    yield Mutant("not asked", "the engine", odd, frozenset({("host", "engine")}), (), "blocked")

    def merging(operator: str, part: str, words: tuple[str, ...], **ksm: str) -> Mutant:
        changed = replace(seen, host=replace(host, ksm={**host.ksm, **ksm}))
        verdict: Verdict = "failed" if words else "blocked"
        return Mutant(
            operator, "samepage merging", changed, frozenset({("host", "ksm", part)}), words, verdict
        )

    yield merging("switched off", "run", (), run="0")
    yield merging("unmerged", "run", (), run="2")
    yield merging("nothing shared yet", "pages", ("wait a minute",), pages_sharing="0")
    alone = replace(seen, guests=seen.guests[:0], host=replace(host, ksm={**host.ksm, "pages_sharing": "0"}))
    lost: frozenset[Atom] = frozenset(
        {("host", "ksm", "pages"), *(("guest", one.name) for one in seen.guests)}
    )
    lost |= {("link", "", nic.tap or "") for one in seen.guests for nic in one.nics}
    if len(wanted) and all(atom[0] == "host" or atom[0] == "file" for atom in wanted):
        yield Mutant("no guest runs", "samepage merging", alone, lost, ("Equal pages need two owners",))
