"""The small forms: what they write they read back, and an error stands at the field that it is about."""

from __future__ import annotations

import pytest

from kvmbench.errors import BadInput
from kvmbench.forms import FORMS, carry_out, judge, read
from kvmbench.forms.small import IMAGE
from kvmbench.system import RecordedMachine

FILLED: list[tuple[str, dict[str, str]]] = [
    ("bridge", {}),
    ("bridge", {"name": "br7", "address": "10.9.0.1/16", "port": "tap01"}),
    ("veth", {}),
    ("veth", {"one": "a", "other": "b", "netns": "router1", "bridge": "br-int"}),
    ("namespace", {"name": "r2"}),
    ("namespace", {"name": "r2", "link": "vethm.2", "address": "10.2.2.2/24"}),
    ("forwarding", {"state": "on"}),
    ("forwarding", {"state": "off"}),
    ("nat", {"network": "10.7.0.0/16", "out": "eth1"}),
    ("nat", {"network": "10.7.0.0/16", "out": "eth1", "to": "172.16.0.67"}),
    ("dnat", {"address": "172.16.0.67", "port": "8080", "to": "10.1.1.2", "to_port": "80"}),
    ("dnsmasq", {"interface": "br7", "first": "10.7.0.2", "last": "10.7.0.9", "router": ""}),
    ("dnsmasq", {"interface": "br7", "first": "10.7.0.2", "last": "10.7.0.9", "router": "10.7.0.1"}),
    ("image", {"path": "/vms/a.img", "size": "80G"}),
    ("image", {"path": "/vms/a.img", "size": "80G", "preallocation": "metadata"}),
    ("image", {"path": "/vms/a.img", "size": "2M", "format": "raw"}),
    ("image", {"path": "/vms/o.img", "size": "", "backing": "/vms/a.img", "backing_format": "raw"}),
]


@pytest.mark.parametrize("old", [False, True], ids=["today", "tutorial"])
@pytest.mark.parametrize(
    ("name", "values"), FILLED, ids=[f"{name}-{n}" for n, (name, _) in enumerate(FILLED)]
)
def test_what_a_form_writes_it_reads_back(name: str, values: dict[str, str], old: bool) -> None:
    form = FORMS[name]
    judged = judge(form, values)
    assert not judged.troubles
    assert read(form, "\n".join(judged.lines(old=old))) == form.defaults | values


TYPED = [
    ("bridge", "sudo ip link add br7 type bridge", {"name": "br7"}),
    ("bridge", "brctl addbr br7\nbrctl addif br7 tap01", {"name": "br7", "port": "tap01"}),
    ("bridge", "# mine\nip l add name br7 type bridge\n\nip a add 10.1.1.254/24 dev br7",
     {"name": "br7", "address": "10.1.1.254/24"}),
    ("bridge", "brctl addbr br7\nifconfig br7 10.1.1.254 netmask 255.255.255.0 up",
     {"name": "br7", "address": "10.1.1.254/24"}),
    ("nat", "iptables -t nat -A POSTROUTING -s 10.7.0.0/16 -o eth1 -j MASQUERADE",
     {"network": "10.7.0.0/16", "out": "eth1", "to": ""}),
    ("image", "qemu-img create -f qcow2 /vms/x.img 80G", {"path": "/vms/x.img", "size": "80G"}),
    ("image", "qemu-img create -f qcow2 -o size=80G,preallocation=metadata /vms/x.img",
     {"path": "/vms/x.img", "size": "80G", "preallocation": "metadata"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "lines", "values"), TYPED, ids=[line for _, line, _ in TYPED])
def test_lines_are_read_as_students_type_them(name: str, lines: str, values: dict[str, str]) -> None:
    found = read(FORMS[name], lines)
    assert {key: found[key] for key in values} == values


UNREAD = [
    ("bridge", ""),
    ("bridge", "brctl addbrr br7"),
    ("bridge", "ip link set br7 up"),  # whether it is made, this does not say
    ("bridge", "ip link add br7 type bridge\nip link set br8 up"),
    ("bridge", "ip link add br7 type bridge\nrm -rf /"),
    ("veth", "ip link add a type bridge"),
    ("dnat", "iptables -t nat -A PREROUTING -d 1.2.3.4 -j DNAT"),
    ("image", "qemu-img create -f vmdk /vms/x.img 80G"),
    ("image", "qemu-img create -f raw -o preallocation=metadata,size=80G /vms/x.img"),
]


@pytest.mark.parametrize(("name", "lines"), UNREAD, ids=[f"{name}: {line}" for name, line in UNREAD])
def test_lines_that_a_form_cannot_say_are_refused_and_an_example_is_given(name: str, lines: str) -> None:
    with pytest.raises(BadInput) as refused:
        read(FORMS[name], lines)
    assert " like: " in refused.value.hint


WRONG = [
    ("bridge", {"name": ""}, "name", "nothing stands here"),
    ("bridge", {"name": "a-very-long-bridge"}, "name", "has 18 bytes"),
    ("bridge", {"address": "10.1.1.254"}, "address", "no prefix length"),
    ("bridge", {"port": "a/b"}, "port", "'a/b' is no name"),
    ("veth", {"one": "a", "other": "a"}, "one", "both ends"),
    ("veth", {"netns": "../x"}, "netns", "no name for a namespace"),
    ("namespace", {"address": "10.2.2.2/24"}, "link", "no link is there"),
    ("nat", {"network": "10.1.1.7/24"}, "network", "is no network"),
    ("nat", {"to": "here"}, "to", "'here' is no address"),
    ("dnat", {"port": "22a"}, "port", "'22a' is no port"),
    ("dnat", {"port": "22", "to_port": "70000"}, "to_port", "70000 is no port"),
    ("dnat", {"to": "10.1.1"}, "to", "'10.1.1' is no address"),
    ("dnsmasq", {"last": "10.1.1.2"}, "first", "ends before it begins"),
    ("dnsmasq", {"router": "x"}, "router", "'x' is no address"),
    ("image", {"size": "8 apples"}, "size", "is no size"),
    ("image", {"format": "raw", "preallocation": "metadata"}, "format", "no metadata"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "values", "field", "what"), WRONG, ids=[str(each[1]) for each in WRONG])
def test_an_error_stands_at_the_field_that_it_is_about(
    name: str, values: dict[str, str], field: str, what: str
) -> None:
    troubles = judge(FORMS[name], values).troubles
    assert list(troubles) == [field]
    assert what in troubles[field].what
    assert troubles[field].hint


def test_what_is_on_the_bench_already_hinders_while_it_is_filled_in() -> None:
    told = '[{"ifname": "br-int", "linkinfo": {"info_kind": "veth"}}]'
    machine = RecordedMachine({"ip -j -d address show": told})
    assert "br-int is a veth already" in judge(FORMS["bridge"], {}, machine).troubles["name"].what
    assert not judge(FORMS["bridge"], {"name": "br1"}, machine).troubles


def test_a_form_that_is_wrong_does_nothing() -> None:
    machine = RecordedMachine()
    with pytest.raises(BadInput, match="is no size"):
        carry_out(IMAGE, {"size": "much"}, machine)
    assert machine.asked == []


def test_the_script_is_what_a_shell_can_run() -> None:
    script = judge(FORMS["bridge"], {"address": "10.1.1.254/24"}).script()
    assert script.splitlines()[:3] == [
        "#!/bin/sh -e",
        "# make the bridge br-int",
        "ip link add name br-int type bridge",
    ]


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_samples_are_found_nowhere_else_on_the_lines(form) -> None:  # type: ignore[no-untyped-def]
    """What reads the lines back looks for them."""
    samples = [each.sample for each in form.fields if each.sample]
    assert len(samples) == len(set(samples))
    assert not [(one, other) for one in samples for other in samples if one != other and one in other]
    assert all(each.does and each.label for each in form.fields)
