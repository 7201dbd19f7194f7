"""The small forms: bridge, veth, namespace, forwarding, NAT, DNAT, dnsmasq, and disk images."""

from __future__ import annotations

from kvmbench.act import bridge, dnsmasq, forwarding, image, link, nat, netns, veth
from kvmbench.act.action import Action
from kvmbench.errors import BadInput
from kvmbench.forms.field import OFF, ON, Field, Values
from kvmbench.forms.form import Form


def _make_bridge(values: Values) -> tuple[Action, ...]:
    name, address, port = values["name"], values["address"], values["port"]
    made = [bridge.add(name), link.up(name)]
    if address:
        made.append(link.address(name, address))
    if port:
        made.append(link.master(port, name))
    return tuple(made)


def _make_veth(values: Values) -> tuple[Action, ...]:
    one, other, room, into = values["one"], values["other"], values["netns"], values["bridge"]
    made = [veth.add(one, other, room)]
    if room:
        made.append(netns.move(other, room))
    if into:
        made.append(link.master(one, into))
    return (*made, link.up(one), link.up(other, room))


def _make_namespace(values: Values) -> tuple[Action, ...]:
    name, moved, address = values["name"], values["link"], values["address"]
    if address and not moved:
        raise BadInput(
            f"no link is there to have {address}",
            "Name the link that moves into the namespace, or no address.",
        )
    made = [netns.add(name)]
    if moved:
        made.append(netns.move(moved, name))
    if address:
        made.append(link.address(moved, address, name))
    return tuple(made)


def _make_forwarding(values: Values) -> tuple[Action, ...]:
    return (forwarding.on() if values["state"] == ON else forwarding.off(),)


def _make_nat(values: Values) -> tuple[Action, ...]:
    return (nat.source(values["network"], values["out"], values["to"]),)


def _make_dnat(values: Values) -> tuple[Action, ...]:
    port, to_port = _port(values["port"]), _port(values["to_port"])
    return (nat.destination(values["address"], port, values["to"], to_port),)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise BadInput(f"{text!r} is no port", "A TCP port is a number from 1 to 65535.")
    return int(text)


def _make_dnsmasq(values: Values) -> tuple[Action, ...]:
    return (dnsmasq.start(values["interface"], values["first"], values["last"], values["router"]),)


def _make_image(values: Values) -> tuple[Action, ...]:
    path, backing, size = values["path"], values["backing"], values["size"]
    if not backing:
        if not size:
            raise BadInput("an image without a backing file needs a size", "Write one like 80G or 512M.")
        made = image.create(path, size, format=values["format"], preallocation=values["preallocation"])
        return (made,)
    if values["format"] != "qcow2" or values["preallocation"] != "off":
        raise BadInput(
            "an overlay is qcow2, and is never preallocated: it begins empty",
            "Take the format qcow2 and preallocation off, or leave the backing file out.",
        )
    if size:
        raise BadInput(f"an overlay is as large as its backing file, not {size}", "Leave the size out.")
    return (image.overlay(path, backing, backing_format=values["backing_format"]),)


_ADDRESS = "An address with its prefix length, like 10.1.1.254/24; the interface is set up too."

BRIDGE = Form(
    "bridge",
    "Bridge",
    "A switch inside the kernel (bridge(8)).",
    (
        Field(
            "name",
            "name",
            "The bridge is an interface too, and this is its name.",
            "samplebr1",
            default="br-int",
        ),
        Field("address", "address", _ADDRESS, "10.201.1.1/29", optional=True),
        Field(
            "port",
            "first port",
            "An interface that is plugged in.",
            "sampleport",
            optional=True,
            offers="links",
        ),
    ),
    _make_bridge,
)
VETH = Form(
    "veth",
    "Veth pair",
    "A cable with two plugs (veth(4)): what goes in at one end comes out at the other.",
    (
        Field("one", "one end", "The end that stays here.", "sampleone", default="vethm.1"),
        Field(
            "other", "other end", "The end that may move into a namespace.", "sampletwo", default="vethm.2"
        ),
        Field(
            "netns",
            "other end in",
            "The namespace that the other end moves into.",
            "samplens2",
            optional=True,
            offers="namespaces",
        ),
        Field(
            "bridge",
            "one end on",
            "The bridge that the first end becomes a port of.",
            "samplebr2",
            optional=True,
            offers="bridges",
        ),
    ),
    _make_veth,
)
NAMESPACE = Form(
    "namespace",
    "Network namespace",
    "Links, addresses, routes and rules of its own (ip-netns(8)).",
    (
        Field("name", "name", "Its name is a file in /run/netns.", "samplens3", default="router1"),
        Field(
            "link",
            "link to move",
            "An interface that moves into it, and loses its addresses.",
            "samplelink",
            optional=True,
            offers="links",
        ),
        Field("address", "its address", _ADDRESS, "10.201.2.1/29", optional=True),
    ),
    _make_namespace,
)
FORWARDING = Form(
    "forwarding",
    "IP forwarding",
    "Whether the kernel passes on packets that are meant for others (ip-sysctl).",
    (
        Field(
            "state",
            "forwarding",
            "net.ipv4.ip_forward: on makes the bench a router.",
            kind="choice",
            choices=(ON, OFF),
            default=ON,
        ),
    ),
    _make_forwarding,
)
NAT = Form(
    "nat",
    "Source NAT",
    "Packets that leave get a sender that the outside can answer to.",
    (
        Field(
            "network", "from network", "Whose packets are changed.", "10.201.3.0/29", default="10.1.1.0/24"
        ),
        Field(
            "out",
            "leaving by",
            "The interface that they leave by.",
            "sampleout",
            default="ens33",
            offers="links",
        ),
        Field(
            "to",
            "as",
            "The new sender; left empty, the address of that interface (masquerade).",
            "10.201.4.1",
            optional=True,
        ),
    ),
    _make_nat,
)
DNAT = Form(
    "dnat",
    "Destination NAT",
    "Connections to a port of the bench go on to a host inside.",
    (
        Field(
            "address",
            "to address",
            "The bench's address that is called.",
            "10.201.5.1",
            default="172.16.0.67",
        ),
        Field("port", "to port", "The TCP port that is called.", "61001", default="22922"),
        Field("to", "on to", "The host inside that answers.", "10.201.6.2", default="10.1.1.1"),
        Field("to_port", "its port", "The TCP port at which it answers.", "62002", default="22"),
    ),
    _make_dnat,
)
DNSMASQ = Form(
    "dnsmasq",
    "dnsmasq",
    "Hands out addresses by DHCP (dnsmasq(8)).",
    (
        Field(
            "interface",
            "on interface",
            "Where it listens: the bridge, or an end of a cable to it.",
            "sampleif",
            default="br-int",
            offers="links",
        ),
        Field("first", "first address", "The range begins here.", "10.201.7.11", default="10.1.1.11"),
        Field("last", "last address", "The range ends here.", "10.201.7.99", default="10.1.1.100"),
        Field(
            "router",
            "router",
            "DHCP option 3: who passes packets on.",
            "10.201.8.254",
            default="10.1.1.254",
            optional=True,
        ),
    ),
    _make_dnsmasq,
)
IMAGE = Form(
    "image",
    "Disk image",
    "A file that a guest sees as a disk (qemu-img(1)).",
    (
        Field(
            "path",
            "file",
            "Where it is kept; what is there already is overwritten.",
            "/vms/sample/new.img",
            default="/vms/disks/disk1.img",
        ),
        Field(
            "size",
            "size",
            "What the guest sees: a number with K, M, G or T.",
            "817M",
            default="1G",
            optional=True,
        ),
        Field(
            "format",
            "format",
            "qcow2 grows as it is written to, and keeps snapshots; raw is the disk itself.",
            kind="choice",
            choices=image.FORMATS,
            default="qcow2",
        ),
        Field(
            "preallocation",
            "preallocation",
            "metadata: the tables that say where each part lies are written at once; its data is not.",
            kind="choice",
            choices=("off", "metadata"),
            default="off",
        ),
        Field(
            "backing",
            "backing file",
            "An image below it that is only read: the new one keeps what differs.",
            "/vms/sample/base.img",
            optional=True,
            offers="images",
        ),
        Field(
            "backing_format",
            "its format",
            "The format of the backing file (-F).",
            kind="choice",
            choices=("qcow2", "raw"),
            default="qcow2",
        ),
    ),
    _make_image,
    also=(
        "qemu-img create -f {format} {path} {size}",
        "qemu-img create -f {format} -o size={size},preallocation={preallocation} {path}",
        "qemu-img create -f {format} -o preallocation={preallocation} {path} {size}",
    ),
)

FORMS: dict[str, Form] = {
    form.name: form for form in (BRIDGE, VETH, NAMESPACE, FORWARDING, NAT, DNAT, DNSMASQ, IMAGE)
}
"""by the name that `form("bridge")` takes"""
