"""Step 10: a way in."""

from __future__ import annotations

from kvmbench.act import guest, link, nat
from kvmbench.act.action import Action
from kvmbench.check import dnat_ssh
from kvmbench.course.plan import SSH_INSIDE, UPLINK, UPLINK_ADDRESS, Plan
from kvmbench.course.step import Mistake, Rotted, Step
from kvmbench.model import Wanted

_CHECK = "c1-ssh-from-outside"
_CLEAR = (nat.clear("prerouting"),)
_LOGIN = (
    "kvmbench exec --outside -- ssh -p {port} -o BatchMode=yes -o StrictHostKeyChecking=no "
    "-o UserKnownHostsFile=/dev/null -o ConnectTimeout=10 root@{address} hostname"
)


def _instead(name: str, says: str, rule: Action, hint: str) -> Mistake:
    """Another rule stands in the place of the right one."""
    return Mistake(name, says, (*_CLEAR, rule), _CHECK, hint, mend=_CLEAR)


_ROTTED = (
    Rotted(
        "Iptables-t nat-a preroutung-d 172.16.0.67-p tcp--dport 22922-j DNAT--to Destination 10.1.1.1:22",
        "The chain is PREROUTING, -A is in upper case and the option is one word, --to-destination: "
        "`iptables -t nat -A PREROUTING -d 172.16.0.67 -p tcp --dport 22922 -j DNAT "
        "--to-destination 10.1.1.1:22`.",
    ),
    Rotted(
        "#ssh-P 22922 [email protected]",
        "ssh's port is -p in lower case (-P is scp's), and a web page hid the address: "
        "`ssh -p 22922 root@172.16.0.67`.",
    ),
)


def step(plan: Plan) -> Step:
    return Step(
        slug="dnat",
        title="A way in",
        goal=f"Lead port {plan.ssh_outside} of {UPLINK_ADDRESS} to the sshd of c1, and log in from outside.",
        solution=(
            nat.destination(UPLINK_ADDRESS, plan.ssh_outside, plan.c1_address, SSH_INSIDE),
            Action(
                "log in from outside",
                (_LOGIN.format(port=plan.ssh_outside, address=UPLINK_ADDRESS),),
                looks=True,
            ),
        ),
        checks=(dnat_ssh("c1", address=UPLINK_ADDRESS, port=plan.ssh_outside, points=4),),
        needs=("forwarding",),
        parts=(Wanted("dnat", f"{UPLINK_ADDRESS}:{plan.ssh_outside}", f"{plan.c1_address}:{SSH_INSIDE}"),),
        mistakes=(
            Mistake(
                "no-rule",
                "There is no rule yet.",
                _CLEAR,
                check=_CHECK,
                hint="the nat table's PREROUTING chain can lead it on",
            ),
            _instead(
                "wrong-guest",
                "The rule leads to an address that c1 does not have.",
                nat.destination(UPLINK_ADDRESS, plan.ssh_outside, plan.host(200), SSH_INSIDE),
                "--to-destination leads to an address that is not this guest's",
            ),
            _instead(
                "wrong-inner-port",
                "The outer port was written for the inner one too.",
                nat.destination(UPLINK_ADDRESS, plan.ssh_outside, plan.c1_address, plan.ssh_outside),
                "Behind the address stands the port inside the guest",
            ),
            _instead(
                "wrong-outer-port",
                "The rule is for another port than the outside calls.",
                nat.destination(UPLINK_ADDRESS, 2222, plan.c1_address, SSH_INSIDE),
                "--dport is the port that the outside knocks at",
            ),
            _instead(
                "wrong-outer-address",
                "The rule is for the outside host's own address.",
                nat.destination("172.16.0.1", plan.ssh_outside, plan.c1_address, SSH_INSIDE),
                "-d is the address that the outside host calls",
            ),
            Mistake(
                "no-sshd",
                "The sshd of c1 was killed.",
                (guest.run("c1", "end its sshd", "kill $(pidof dropbear)"),),
                check=_CHECK,
                hint="has no sshd listening",
                mend=(guest.run("c1", "start it again", "dropbear -r /etc/dropbear/host_key"),),
            ),
            Mistake(
                "uplink-down",
                "The way to the outside was set down.",
                (link.down(UPLINK),),
                check=_CHECK,
                hint=f"Set {UPLINK} up on the bench",
                mend=(link.up(UPLINK),),
            ),
            Mistake(
                "forward-dropped",
                "A firewall drops whatever is passed on, and forgot the way in.",
                (Action("drop what is passed on", ("iptables -P FORWARD DROP",)),),
                check=_CHECK,
                hint="The chain FORWARD decides over what passes through a host",
                mend=(Action("let it pass", ("iptables -P FORWARD ACCEPT",)),),
            ),
        ),
        rotted=_ROTTED,
    )
