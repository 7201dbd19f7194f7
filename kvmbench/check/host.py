"""The machine under the bench: KVM or not, and kernel samepage merging."""

from __future__ import annotations

from kvmbench.check.outcomes import blocked, failed, passed
from kvmbench.model import Check, Fact, Outcome, Snapshot


def kvm_reported(*, points: int = 1) -> Check:
    """It is known which engine runs guests here, and why; either one is right."""

    def judge(seen: Snapshot) -> Outcome:
        host = seen.host
        if host is None or host.engine not in ("kvm", "tcg"):
            return blocked(
                "nothing is known of this machine's CPU", "`kvmbench doctor` looks at the machine itself."
            )
        flag = host.cpu_flag or "no vmx or svm"
        if host.engine == "kvm":
            return passed(f"KVM: {flag}, /dev/kvm opens, a guest really runs")
        return passed(f"TCG because {host.reason or 'KVM does not work'} (CPU: {flag})")

    return Check(
        "kvm-or-tcg",
        "it is known whether guests run under KVM or TCG, and why",
        judge,
        points,
        facts=(Fact("engine"),),
    )


def ksm_running(*, points: int = 1) -> Check:
    """The kernel merges equal pages of guests (/sys/kernel/mm/ksm)."""

    def judge(seen: Snapshot) -> Outcome:
        ksm = seen.host.ksm if seen.host else {}
        if not ksm.get("run"):
            return blocked(
                "this kernel does not show /sys/kernel/mm/ksm",
                "Samepage merging is not built into it, or hidden: nothing to mend here.",
            )
        if ksm["run"].strip() != "1":
            return blocked(
                f"samepage merging is switched off (run = {ksm['run'].strip()}), "
                "and only the machine's root may switch it",
                "Outside the bench: sudo kvmbench ksm on",
            )
        sharing = _count(ksm.get("pages_sharing"))
        if sharing > 0:
            return passed(f"{sharing} pages are shared, {sharing * 4 // 1024} MiB saved")
        if len(seen.guests) < 2:
            return failed(
                f"samepage merging is on, and {len(seen.guests)} guest runs",
                "Equal pages need two owners: start a second guest from the same image.",
            )
        if any("mem-merge=off" in word for guest in seen.guests for word in guest.argv):
            return failed(
                "no page is shared: a guest was started with mem-merge=off",
                "Leave mem-merge=off away from -machine.",
            )
        scans = _count(ksm.get("full_scans"))
        return failed(
            f"no page is shared yet, after {scans} full scans of {len(seen.guests)} guests",
            "The scan is slow on purpose: wait a minute, or let it look at more pages at a time "
            "(pages_to_scan).",
        )

    return Check("ksm-running", "equal pages of guests are kept once", judge, points, facts=(Fact("ksm"),))


def _count(text: str | None) -> int:
    digits = (text or "").strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 20 else 0
