"""Step 11: addresses handed out."""

from __future__ import annotations

from kvmbench.act import dnsmasq, guest
from kvmbench.act.action import Action
from kvmbench.check import dhcp_serves, leased_by
from kvmbench.course.plan import BRIDGE, FIRST_LEASE, LAST_LEASE, ROUTER, UPLINK, Plan
from kvmbench.course.step import Mistake, Rotted, Step
from kvmbench.model import Wanted

_SERVES = f"{BRIDGE}-dhcp"
_LEASED = "c2-leased"
_STOP = (dnsmasq.stop(),)
_SECOND = "/run/dnsmasq-2"
_END_SECOND = f"pid=$(cat {_SECOND}.pid); kill $pid; tail -s 0.02 --pid=$pid -f /dev/null; rm -f {_SECOND}.*"
_ELSEWHERE = f"PREROUTING -i {BRIDGE} -p udp --dport 67 -j DNAT --to-destination :6767"
_FORGET = "conntrack -D -p udp --orig-port-dst 67"
_PATIENCE = "net.netfilter.nf_conntrack_udp_timeout"
_ASK = guest.in_guest("c2", "udhcpc -i eth0 -n -q -t 2 -T 1 -s /bin/true")
_BEFORE = "/run/leases.before"


def _instead(name: str, says: str, start: Action, hint: str) -> Mistake:
    """dnsmasq was started with something other than asked for."""
    return Mistake(name, says, (*_STOP, start), _SERVES, hint, mend=_STOP, also=(_LEASED,))


def _second(plan: Plan) -> str:
    """Another server beside the first, which has files of its own."""
    own = f"--pid-file={_SECOND}.pid --dhcp-leasefile={_SECOND}.leases"
    serves = f"--port=0 --dhcp-range={plan.host(120)},{plan.host(140)}"
    return f"dnsmasq --interface={BRIDGE} --bind-interfaces {own} {serves}"


def _promised(plan: Plan) -> str:
    """A file of leases in which somebody has each address of the range (dnsmasq(8), --dhcp-leasefile)."""
    network, _, first = plan.first_lease.rpartition(".")
    last = plan.last_lease.rpartition(".")[2]
    line = f"printf '%d 52:54:00:99:00:%02x {network}.%d * *\\n' $(($(date +%s) + 86400)) $n $n"
    return f"for n in $(seq {first} {last}); do {line}; done >{dnsmasq.LEASES}"


_ROTTED = (
    Rotted(
        "#dnsmasq-I br-int-f 10.1.1.11,10.1.1.100-o 3,10.1.1.254",
        "The options are -i, -F and -O, and their case matters: "
        f"`dnsmasq -i {BRIDGE} -F {FIRST_LEASE},{LAST_LEASE} -O 3,{ROUTER}`.",
    ),
)


def step(plan: Plan) -> Step:
    return Step(
        slug="dnsmasq",
        title="Addresses handed out",
        goal=(
            f"Let dnsmasq hand out {plan.first_lease} to {plan.last_lease} on {BRIDGE}, and let c2 take one."
        ),
        solution=(
            dnsmasq.start(BRIDGE, plan.first_lease, plan.last_lease, plan.router),
            guest.lease("c2"),
            Action("see what was leased", (f"cat {dnsmasq.LEASES}",), looks=True),
        ),
        checks=(
            dhcp_serves(
                BRIDGE,
                first=plan.first_lease,
                last=plan.last_lease,
                router=plan.router,
                probe_guest="c2",
                points=3,
            ),
            leased_by("c2", first=plan.first_lease, last=plan.last_lease, points=2),
        ),
        needs=("forwarding",),
        parts=(Wanted("dnsmasq", BRIDGE),),
        mistakes=(
            Mistake(
                "not-started",
                "dnsmasq ended, or was never started.",
                _STOP,
                check=_SERVES,
                hint="dnsmasq goes to the background by itself",
                also=(_LEASED,),
            ),
            _instead(
                "wrong-interface",
                "dnsmasq serves the uplink.",
                dnsmasq.start(UPLINK, plan.first_lease, plan.last_lease, plan.router),
                "-i names the interface on which it listens",
            ),
            _instead(
                "wrong-range",
                "The range is another one.",
                dnsmasq.start(BRIDGE, plan.host(110), plan.host(200), plan.router),
                "compare both ends with the goal",
            ),
            _instead(
                "wrong-router",
                "Option 3 names a guest.",
                dnsmasq.start(BRIDGE, plan.first_lease, plan.last_lease, plan.c1_address),
                "Option 3 is the gateway that guests will use",
            ),
            Mistake(
                "two-servers",
                "A second dnsmasq was started on the same bridge, with another range.",
                (
                    *_STOP,
                    dnsmasq.start(BRIDGE, plan.first_lease, plan.last_lease, plan.router),
                    Action("start another one beside it", (_second(plan),)),
                ),
                check=_SERVES,
                hint="Two servers on one wire answer in turns",
                mend=(Action("end the other one", (_END_SECOND,)),),
                also=(_LEASED,),  # who was started anew may promise c2 another address than it has
            ),
            Mistake(
                "exhausted",
                "Every address of the range is promised to somebody who has gone.",
                (
                    *_STOP,
                    Action("keep what was leased", (f"cp {dnsmasq.LEASES} {_BEFORE}",)),
                    Action("promise all of them", (_promised(plan),)),
                    dnsmasq.start(BRIDGE, plan.first_lease, plan.last_lease, plan.router),
                ),
                check=_SERVES,
                hint="a lease ends by its time",
                mend=(*_STOP, Action("forget the promises", (f"mv {_BEFORE} {dnsmasq.LEASES}",))),
                also=(_LEASED,),
            ),
            Mistake(
                "stale-conntrack",
                "A rule led the guests' questions to another port. It was deleted, and the kernel remembers.",
                (
                    Action(
                        "lead questions to another port, and let c2 ask",
                        (
                            f"{_FORGET} || true",
                            f"sysctl -w {_PATIENCE}=600",
                            f"iptables -t nat -A {_ELSEWHERE}",
                            f"{_ASK} || true",
                        ),
                    ),
                    Action("delete the rule", (f"iptables -t nat -D {_ELSEWHERE}",)),
                ),
                check=_SERVES,
                hint="Rules are asked for the first packet only",
                shows=_ASK,
                mend=(Action("have the kernel forget", (f"{_FORGET} || true", f"sysctl -w {_PATIENCE}=30")),),
                also=(_LEASED,),  # a client that asked in vain may have given its address up
            ),
            Mistake(
                "static-again",
                "c2 was given back its fixed address.",
                (
                    guest.run("c2", "drop the leased address", "ip address flush dev eth0"),
                    guest.address("c2", plan.c2_interface),
                    guest.gateway("c2", plan.router),
                ),
                check=_LEASED,
                hint="A lease is a promise",
            ),
        ),
        rotted=_ROTTED,
    )
