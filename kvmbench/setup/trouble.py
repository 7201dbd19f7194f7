"""The one error of the set-up: what happened, and what to try."""

from __future__ import annotations

import errno


class SetupFailed(Exception):
    """The set-up cannot go on; `code` is the exit code that it earns."""

    def __init__(self, what: str, hint: str, code: int = 1) -> None:
        super().__init__(what, hint)
        self.what = what
        self.hint = hint
        self.code = code

    def __str__(self) -> str:
        return f"{self.what}\n{self.hint}"


_OS_HINTS = {
    errno.ENOSPC: "Free a gigabyte on that disk (df -h shows the disks), then type the same line again.",
    errno.EDQUOT: "Your quota is used up: free a gigabyte, then type the same line again.",
}
_OS_HINTS.update(
    dict.fromkeys(
        (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT),
        "Set HOME, or XDG_DATA_HOME and XDG_STATE_HOME, to a place that you may write.",
    )
)


def from_os_error(error: OSError) -> SetupFailed:
    """The two lines for an error of the operating system."""
    where = f"{error.filename}: " if error.filename else ""
    hint = _OS_HINTS.get(
        error.errno or 0, "Mend that, then type the same line again: it goes on where it stopped."
    )
    return SetupFailed(f"{where}{error.strerror or error}", hint)


# What pip and apt-get say when they fail, and what helps; the first that fits is taken.
_SAID: tuple[tuple[str, str], ...] = (
    ("No space left on device", _OS_HINTS[errno.ENOSPC]),
    ("Disk quota exceeded", _OS_HINTS[errno.EDQUOT]),
    ("enough free space", _OS_HINTS[errno.ENOSPC]),
    (
        "Could not get lock",
        "Another program is installing packages: wait until it has ended, then try again.",
    ),
    (
        "Unable to acquire the dpkg",
        "Another program is installing packages: wait until it has ended, then try again.",
    ),
    ("dpkg was interrupted", "An earlier installation was cut off; mend it: sudo dpkg --configure -a"),
    (
        "Unable to locate package",
        "Some package source is switched off; on Ubuntu: sudo add-apt-repository universe",
    ),
    (
        "no installation candidate",
        "Some package source is switched off; on Ubuntu: sudo add-apt-repository universe",
    ),
    ("unmet dependencies", "Packages on this machine are half installed; mend them: sudo apt-get -f install"),
    (
        "CERTIFICATE_VERIFY_FAILED",
        "The server's certificate is not trusted: install your proxy's (see PIP_CERT).",
    ),
    ("Temporary failure", "There is no network, or no name server: connect, then type the same line again."),
    ("Could not resolve", "There is no network, or no name server: connect, then type the same line again."),
    (
        "NewConnectionError",
        "There is no way to the package server: connect (or set https_proxy), then try again.",
    ),
    ("Failed to fetch", "The package server does not answer: connect (or set http_proxy), then try again."),
    ("timed out", "The package server is too slow or out of reach: type the same line again."),
    ("Connection broken", "The connection broke off: type the same line again, it goes on where it stopped."),
    (
        "page's programs could not be bundled",
        "The npm registry is out of reach, or a source is broken: read the lines above, mend it, try again.",
    ),
    ("requires a different Python", "Use another Python: /usr/bin/python3 -m kvmbench up"),
)


def hint_for(said: str, otherwise: str) -> str:
    """What to try, by what an installer printed.

    >>> hint_for("E: dpkg was interrupted, you must manually run …", "look")
    'An earlier installation was cut off; mend it: sudo dpkg --configure -a'
    >>> hint_for("something new", "look")
    'look'
    """
    return next((hint for words, hint in _SAID if words in said), otherwise)
