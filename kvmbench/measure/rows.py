"""What is measured, and what is asked of it. Ratios come first: seconds are those of one machine."""

from __future__ import annotations

from kvmbench.measure.figures import Against, Row

SIZES = (100, 1000)


def rows() -> tuple[Row, ...]:
    """All of them, in the order of the table."""
    return (*_BENCHES, *_many(100, 0.03), *_many(1000, 0.3), *_LOOKS, *_GUESTS, *_CROWD, *_GRADING)


_BENCHES = (
    Row("a bench, created and ready", "bench", 0.3),
    Row(
        "a kernel on it, to its first reply",
        "kernel",
        against=(Against("a plain ipykernel", "plain kernel", most=1.3),),
    ),
    Row("a bench, destroyed", "bench gone"),
    Row("`import kvmbench`", "import", 0.1, (Against("`python -c pass`", "python"),)),
    Row("`kvmbench --help`", "help", 0.3, (Against("`python -c pass`", "python"),)),
)


def _many(count: int, look_s: float) -> tuple[Row, ...]:
    return (
        Row(
            f"build {count} hosts (namespace, veth, bridge port, address)",
            f"build {count}",
            against=(
                Against("raw netlink, nameless", f"floor {count}", most=1.5),
                Against("Mininet", f"mininet {count}", least=10),
                Against("`ip -batch`", f"ip -batch {count}", least=1),
                Against("one `ip` a command", f"ip {count}"),
            ),
        ),
        Row(f"take {count} hosts down, until it returns", f"delete {count}", 0.05),
        Row(
            f"take {count} hosts down, until all are gone",
            f"gone {count}",
            against=(
                Against("closing nameless ones", f"floor gone {count}"),
                Against("Mininet", f"mininet gone {count}", least=20),
                Against("`ip -batch`", f"ip -batch gone {count}", least=1),
            ),
        ),
        Row(
            f"a full look at {count} namespaces",
            f"look {count}",
            look_s,
            (Against("`ip -j` in each", f"ip -j {count}", least=20),),
        ),
    )


_LOOKS = (
    Row(
        "a full look at the tutorial's network, three guests",
        "look",
        0.02,
        (Against("`ip -j`, `nft`, `qemu-img`, one by one", "look by hand", least=1),),
        note="without the guests' own systems",
    ),
    Row("the same, and the guests' own systems asked", "look inside"),
    Row("a change in the kernel to the changed model", "event to model", 0.002),
    Row("a change in the kernel to a new picture", "event to picture", 0.3),
    Row("the tutorial's picture, as SVG", "picture", 0.1),
    Row(
        "a reachability probe between two namespaces",
        "probe",
        0.0002,
        (Against("`ip netns exec … ping -c1`", "ping", least=20),),
    ),
    Row("all checks of the course over one Snapshot", "judge", 0.005),
    Row("`kvmbench check`, with its probes on the wire", "check", 3.0),
)

_GUESTS = (
    Row(
        "boot from the image's disk to the login prompt",
        "boot 1",
        against=(
            Against("plain QEMU", "plain boot 1", most=1.2),
            Against("`virsh create`", "virsh boot 1", most=1.0),
        ),
    ),
    Row("two guests at once", "boot 2", against=(Against("plain QEMU", "plain boot 2", most=1.2),)),
    Row(
        "instant guest, to a command answered on its console",
        "instant 1",
        0.2,
        (Against("a boot", "boot 1"),),
    ),
    Row("eight instant guests at once, to the last answer", "instant 8", 0.6),
    Row("instant guest, to a ping with its own MAC", "instant ping 1", 0.5),
    Row("eight instant guests at once, to the last ping", "instant ping 8", 2.5),
    Row(
        "a guest killed, gone with its tap",
        "kill",
        0.05,
        (Against("`virsh destroy`", "virsh destroy", least=1),),
    ),
)

_CROWD = (
    Row("a bench at rest", "bench MiB", 40, unit="MiB"),
    Row(
        "a bench with four instant guests",
        "bench with four MiB",
        200,
        (Against("four that booted", "bench with four booted MiB"),),
        unit="MiB",
    ),
    *(Row(f"{count} benches with two guests each, all answering", f"crowd {count}") for count in (5, 10, 20)),
    *(
        Row(f"{count} benches with two guests each, memory", f"crowd {count} MiB", unit="MiB")
        for count in (5, 10, 20)
    ),
)

_GRADING = (
    Row(
        "a submission graded (one notebook, by a command of its own)",
        "graded",
        against=(Against("`nbgrader autograde` as it comes", "nbgrader"),),
    ),
)
