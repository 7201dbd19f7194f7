"""Step 9: the bench as the guests' router."""

from __future__ import annotations

from kvmbench.act import forwarding, guest, link, nat
from kvmbench.act.action import Action
from kvmbench.check import guest_address, guest_gateway, has_address, pings, source_nat, sysctl_is
from kvmbench.course.plan import (
    BRIDGE,
    NETNS,
    NETWORK,
    ROUTER,
    ROUTER_INTERFACE,
    UPLINK,
    UPLINK_ADDRESS,
    Plan,
)
from kvmbench.course.step import Mistake, Rotted, Step
from kvmbench.model import Wanted

_WEB = "c1-source-nat"
_SECOND_LEG = (
    f"ip link add leg.1 master {BRIDGE} type veth peer name leg.2 netns {NETNS}",
    "ip link set leg.1 up",
    f"ip -n {NETNS} link set leg.2 up",
)
_NOBODYS_MAC = "52:54:00:00:00:77"


def _in_c1(says: str, *commands: str) -> Action:
    return Action(says, tuple(guest.in_guest("c1", command) for command in commands))


_ROTTED = (
    Rotted(
        "In the virtual machine, specify the Gateway: route add default GW 10.1.1.254",
        f"In lower case, and today `ip route add default via {ROUTER}`. The tutorial forgets to "
        f"give the bridge "
        f"that address: `ip address add {ROUTER_INTERFACE} dev {BRIDGE}`.",
    ),
    Rotted(
        "Iptables-t NAT–VNL",
        "It lists the rules (`iptables -t nat -vnL`); that there has to be one first was left out: "
        f"`iptables -t nat -A POSTROUTING -s {NETWORK} -o {UPLINK} -j MASQUERADE`.",
    ),
    Rotted(
        "Tcpdump-i ens33 ICMP", "`tcpdump -ni ens33 icmp`: in lower case, and -n spares asking for names."
    ),
    Rotted("Sysctl-w net.ipv4.ip_forward=1", "`sysctl -w net.ipv4.ip_forward=1`, with the blanks."),
)


def step(plan: Plan) -> Step:
    return Step(
        slug="forwarding",
        title="A way out",
        goal=(
            f"Make the bench the guests' gateway, {plan.router}, "
            "and let their packets leave under its own address."
        ),
        solution=(
            link.address(BRIDGE, plan.router_interface),
            forwarding.on(),
            guest.address("c1", plan.c1_interface),
            guest.gateway("c1", plan.router),
            guest.address("c2", plan.c2_interface, or_lease=True),  # a later step lets it ask for one
            guest.gateway("c2", plan.router),
            nat.source(plan.network, UPLINK),
            guest.run(
                "c1",
                "see from c1 what the outside host says",
                "timeout 5 wget -q -O - http://172.16.0.1/",
                looks=True,
            ),
        ),
        checks=(
            has_address(BRIDGE, plan.router_interface, points=1),
            sysctl_is("net.ipv4.ip_forward", 1, points=1),
            guest_address("c1", plan.c1_interface, points=1),
            guest_gateway("c1", plan.router, points=1),
            guest_gateway("c2", plan.router, points=1),
            pings("guest:c1", "guest:c2", points=2),
            source_nat("c1", seen_as=UPLINK_ADDRESS, points=3),
        ),
        needs=("guests",),
        parts=(
            Wanted("bridge", BRIDGE, address=plan.router_interface),
            Wanted("guest", "c1", "tap01", address=plan.c1_interface),
            Wanted("guest", "c2", "tap02"),
            Wanted("forwarding"),
            Wanted("masquerade", plan.network, UPLINK_ADDRESS),
        ),
        mistakes=(
            Mistake(
                "other-address",
                "The bridge was given another address than the guests' gateway.",
                (link.no_address(BRIDGE), link.address(BRIDGE, f"{plan.host(253)}/24")),
                check="br-int-address",
                hint="compare it number by number",
                mend=(link.no_address(BRIDGE),),
                also=(_WEB,),
            ),
            Mistake(
                "no-netmask",
                "ifconfig was typed without a netmask, and took the one of a class A network.",
                (
                    link.no_address(BRIDGE),
                    Action("give it an address only", (f"ifconfig {BRIDGE} {plan.router}",)),
                ),
                check="br-int-address",
                hint="The address is right, its prefix length is not",
                mend=(link.no_address(BRIDGE),),
            ),
            Mistake(
                "no-forwarding",
                "Forwarding was not switched on.",
                (forwarding.off(),),
                check="ip-forward-1",
                hint="`sysctl -w` changes it at once",
                also=(_WEB,),
            ),
            Mistake(
                "other-guest-address",
                "c1 has another address than asked for.",
                (
                    _in_c1(
                        "give c1 another address",
                        "ip address flush dev eth0",
                        f"ip address add {plan.host(7)}/24 dev eth0",
                        f"ip route add default via {plan.router}",
                    ),
                ),
                check="c1-address",
                hint="That is not the address asked for",
                mend=(_in_c1("take it off again", "ip address flush dev eth0"),),
            ),
            Mistake(
                "duplicate-address",
                "c2 was given c1's address beside its own: it is chance who gets the answers.",
                (
                    guest.run(
                        "c2", "give c2 the address of c1 too", f"ip address add {plan.c1_interface} dev eth0"
                    ),
                ),
                check="c1-address",
                hint="An address belongs to one host",
                mend=(guest.run("c2", "take it off", f"ip address del {plan.c1_interface} dev eth0"),),
                also=("c1-pings-c2", _WEB),  # c2 answers itself; and whom the bench asks, is chance
            ),
            Mistake(
                "no-gateway",
                "c1 was given an address and no gateway.",
                (_in_c1("take the gateway away", "ip route del default"),),
                check="c1-gateway",
                hint="Inside c1, not on the bench",
                also=(_WEB,),
            ),
            Mistake(
                "other-gateway",
                "c2's gateway is an address that nobody has.",
                (guest.run("c2", "mistake the gateway", f"ip route replace default via {plan.host(253)}"),),
                check="c2-gateway",
                hint="A default route leads to another host",
            ),
            Mistake(
                "unplugged",
                "c2's tap was taken off the bridge.",
                (link.no_master("tap02", BRIDGE),),
                check="c1-pings-c2",
                hint="the cable is missing: tap02 needs a master",
                mend=(link.master("tap02", BRIDGE),),
                also=(_WEB,),  # a bridge has the lowest address of its ports: losing one may change it for c1
            ),
            Mistake(
                "address-on-a-port",
                "The guests' gateway was put on c1's tap instead of the bridge.",
                (link.no_address(BRIDGE), link.address("tap01", plan.router_interface)),
                check="br-int-address",
                hint="The address sits on the wrong interface: delete it from tap01",
                mend=(link.no_address("tap01"),),
                also=(_WEB,),
            ),
            Mistake(
                "forward-dropped",
                "A firewall drops whatever is passed on, and forgot the guests.",
                (Action("drop what is passed on", ("iptables -P FORWARD DROP",)),),
                check=_WEB,
                hint="The chain FORWARD decides over what passes through a host",
                mend=(Action("let it pass", ("iptables -P FORWARD ACCEPT",)),),
                also=("c1-pings-c2",),  # where bridged packets are asked for too (br_netfilter)
            ),
            Mistake(
                "bridged-dropped",
                "A rule meant for hosts drops what the bridge hands from port to port.",
                (
                    Action(
                        "have bridged packets asked for",
                        ("sysctl -w net.bridge.bridge-nf-call-iptables=1",),
                    ),
                    Action(
                        "drop what stays on the bridge",
                        (f"iptables -A FORWARD -i {BRIDGE} -o {BRIDGE} -j DROP",),
                    ),
                ),
                check="c1-pings-c2",
                hint="Bridged packets go through iptables too",
                mend=(Action("delete the rule", (f"iptables -D FORWARD -i {BRIDGE} -o {BRIDGE} -j DROP",)),),
            ),
            Mistake(
                "blackhole",
                "A route throws away what goes to the outside host.",
                (Action("lead it nowhere", ("ip route add blackhole 172.16.0.1/32",)),),
                check=_WEB,
                hint="blackhole, unreachable and prohibit are routes too",
                mend=(Action("delete that route", ("ip route del blackhole 172.16.0.1/32",)),),
            ),
            Mistake(
                "strict-way-back",
                "Packets from c1 come straight to the bench, and its answers go round by router1: with the "
                "strict filter it takes c1's packets for forged.",
                (
                    Action("plug router1 into the bridge too", _SECOND_LEG),
                    Action(
                        "send what is for c1 round by router1",
                        (
                            f"ip -n {NETNS} address add {plan.host(252)}/24 dev leg.2",
                            f"ip netns exec {NETNS} sysctl -w net.ipv4.ip_forward=1",
                            f"ip route add {plan.c1_address}/32 via {plan.far}",
                        ),
                    ),
                    Action("filter strictly", (f"sysctl -w net.ipv4.conf.{BRIDGE}.rp_filter=1",)),
                ),
                check=_WEB,
                hint="Strict reverse-path filtering drops such packets",
                mend=(
                    Action("filter no more", (f"sysctl -w net.ipv4.conf.{BRIDGE}.rp_filter=0",)),
                    Action("send what is for c1 straight again", (f"ip route del {plan.c1_address}/32",)),
                    Action(
                        "forward nothing there", (f"ip netns exec {NETNS} sysctl -w net.ipv4.ip_forward=0",)
                    ),
                    link.delete("leg.1"),
                ),
            ),
            Mistake(
                "fixed-neighbour",
                "Somebody wrote down c1's MAC address by hand, and it was another one.",
                (
                    Action(
                        "write the wrong MAC down",
                        (f"ip neigh replace {plan.c1_address} dev {BRIDGE} lladdr {_NOBODYS_MAC}",),
                        (f"arp -i {BRIDGE} -s {plan.c1_address} {_NOBODYS_MAC}",),
                    ),
                ),
                check=_WEB,
                hint="who has that address is not asked any more",
                mend=(
                    Action(
                        "strike it out",
                        (f"ip neigh del {plan.c1_address} dev {BRIDGE}",),
                        (f"arp -i {BRIDGE} -d {plan.c1_address}",),
                    ),
                ),
            ),
            Mistake(
                "no-translation",
                "No rule was written: the tutorial prints none.",
                (nat.clear("postrouting"),),
                check=_WEB,
                hint="the nat table's POSTROUTING chain can change it",
            ),
            Mistake(
                "wrong-interface",
                "The rule names the bridge, by which packets come in, "
                "and not the uplink, by which they leave.",
                (nat.clear("postrouting"), nat.source(plan.network, BRIDGE)),
                check=_WEB,
                hint="-o is the interface by which packets leave",
                mend=(nat.clear("postrouting"),),
            ),
            Mistake(
                "wrong-network",
                "The rule is for the network of the namespace.",
                (nat.clear("postrouting"), nat.source("10.2.2.0/24", UPLINK)),
                check=_WEB,
                hint="-s is the address before the change",
                mend=(nat.clear("postrouting"),),
            ),
            Mistake(
                "wrong-new-address",
                "SNAT was given an address that the bench does not have.",
                (nat.clear("postrouting"), nat.source(plan.network, UPLINK, to="172.16.0.99")),
                check=_WEB,
                hint="Answers go to the address that you put in",
                mend=(nat.clear("postrouting"),),
            ),
        ),
        rotted=_ROTTED,
    )
