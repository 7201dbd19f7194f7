"""Files of the tutorial: links, scripts and disk images."""

from __future__ import annotations

import posixpath

from kvmbench.check.outcomes import failed, passed
from kvmbench.check.seeing import need_image, same_path, untaken
from kvmbench.model import Check, Fact, FileSeen, Image, Outcome, Snapshot


def file_link(path: str, target: str, *, points: int = 1) -> Check:
    """A symbolic link leads to a file that is there."""

    def judge(seen: Snapshot) -> Outcome:
        file = _need_file(seen, path, f"`ln -s` takes the old name first, then the new one, {path} (ln(1)).")
        if isinstance(file, Outcome):
            return file
        if file.kind != "link":
            return failed(
                f"{path} is a {file.kind} of its own, no link",
                "A copy does not follow when the original changes: remove it and link instead.",
            )
        if not same_path(file.target or "", target, at=posixpath.dirname(path)):
            if not file.resolves:
                return failed(
                    f"{path} leads to {file.target}, where there is nothing",
                    "`ls -l` shows the arrow: compare what is behind it, letter by letter.",
                )
            return failed(
                f"{path} leads to {file.target}, not to {target}",
                "It leads to something else: `ln -sf` puts a new link in the place of an old one.",
            )
        if not file.resolves:
            return failed(
                f"{path} leads to {target}, and nothing is there",
                f"The link is right, the file is gone: {target} has to come back.",
            )
        return passed(f"{path} leads to {target}")

    return Check(
        f"{posixpath.basename(path)}-linked",
        f"{path} is a link to {target}",
        judge,
        points,
        facts=(Fact("file-link", path, target),),
    )


def script_file(path: str, *, points: int = 1) -> Check:
    """A script can be started: it is there, executable, and names its interpreter."""

    def judge(seen: Snapshot) -> Outcome:
        file = _need_file(seen, path, f"Write the script to {path}, with that very name.")
        if isinstance(file, Outcome):
            return file
        if not file.resolves:
            return failed(
                f"{path} is a link to {file.target}, and nothing is there",
                "The link leads nowhere: write the file that it points at, or write the script here.",
            )
        if file.kind == "directory":
            return failed(
                f"{path} is a directory",
                f"QEMU starts a program, it opens no drawer: {path} is to be a file.",
            )
        if not file.text.strip():
            return failed(
                f"{path} is empty", "The file is there, the lines are not: write the script into it."
            )
        if not file.text.startswith("#!"):
            return failed(
                f"{path} starts with {file.text.splitlines()[0][:40]!r}",
                "The very first two characters name the interpreter: #! and its path (execve(2)).",
            )
        if file.text.splitlines()[0].strip() == "#!":
            return failed(f"{path} names no interpreter after #!", "Behind #! belongs a shell's full path.")
        if file.text.split("\n")[0].endswith("\r"):
            return failed(
                f"the first line of {path} ends with a carriage return",
                "Its lines end as on Windows, so the kernel looks for a shell named 'sh\\r': "
                "rewrite the line ends.",
            )
        if not file.executable:
            return failed(
                f"{path} is there and not executable",
                "QEMU starts it as a program: it needs the x bit (chmod(1)).",
            )
        return passed(f"{path} is an executable script for {file.text.splitlines()[0][2:].strip()}")

    return Check(
        f"{posixpath.basename(path)}-script",
        f"{path} is a script that can be started",
        judge,
        points,
        facts=(Fact("script", path),),
    )


def _need_file(seen: Snapshot, path: str, hint: str) -> FileSeen | Outcome:
    file = seen.file(path)
    if file is None or file.kind == "missing":
        return untaken(seen, f"file {path}") or failed(f"there is no {path}", hint)
    return file


def image_is(
    path: str,
    *,
    format: str,
    virtual_size_bytes: int,
    preallocated: bool | None = None,
    backing: str | None = None,
    points: int = 1,
) -> Check:
    """A disk image of this format and size; `preallocated` and `backing` None when they do not matter."""

    def judge(seen: Snapshot) -> Outcome:
        image = need_image(seen, path)
        if isinstance(image, Outcome):
            return image
        return (
            _trouble(image)
            or _wrong_format(image, format)
            or _wrong_backing(image, backing)
            or _wrong_size(image, virtual_size_bytes)
            or _wrong_preallocation(image, preallocated)
            or passed(_says(image))
        )

    stem = posixpath.basename(path).rpartition(".")[0] or posixpath.basename(path)
    name = f"{stem}-over-{posixpath.basename(backing)}" if backing else f"{stem}-{format}"
    says = f"{path} is a {format} image of {size_says(virtual_size_bytes)}" + (
        f" over {backing}" if backing else ""
    )
    stated = " ".join([f"over {backing}"] * bool(backing) + ["preallocated"] * bool(preallocated))
    return Check(name, says, judge, points, facts=(Fact("image", path, stated),))


def size_says(size_bytes: int) -> str:
    """A size as `qemu-img create` takes it.

    >>> size_says(85899345920), size_says(1000)
    ('80G', '1000 bytes')
    """
    for letter, unit in (("T", 1 << 40), ("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)):
        if size_bytes and size_bytes % unit == 0:
            return f"{size_bytes // unit}{letter}"
    return f"{size_bytes} bytes"


def _says(image: Image) -> str:
    actual = f"{image.actual_size_bytes / (1 << 20):.1f} MiB"
    over = f", over {image.backing}" if image.backing else ""
    return (
        f"{image.path} is {image.format}, {size_says(image.virtual_size_bytes)} wide, {actual} on disk{over}"
    )


def _trouble(image: Image) -> Outcome | None:
    if not image.trouble:
        return None
    if image.backing and ("backing" in image.trouble or "No such file" in image.trouble):
        return failed(
            f"{image.path} needs {image.backing}: {image.trouble}",
            "An overlay is nothing without its backing file: `qemu-img info` shows the path that it "
            "remembers.",
        )
    return failed(
        f"qemu-img cannot use {image.path}: {image.trouble}",
        "`qemu-img check` says whether it can be repaired; if not, create it again.",
    )


def _wrong_format(image: Image, wanted: str) -> Outcome | None:
    if image.format == wanted:
        return None
    return failed(
        f"{image.path} is {image.format or 'of no known format'}, not {wanted}",
        "`qemu-img create` makes raw unless told: the format stands after -f, "
        "the name's ending means nothing.",
    )


def _wrong_backing(image: Image, wanted: str | None) -> Outcome | None:
    if wanted is None:
        return None
    if not image.backing:
        return failed(
            f"{image.path} stands alone, without a backing file",
            "An overlay names its backing file with -b, and its format with -F.",
        )
    if not same_path(image.backing, wanted, at=posixpath.dirname(image.path)):
        return failed(
            f"{image.path} lies over {image.backing}, not over {wanted}",
            "`qemu-img rebase` moves an overlay; one that holds nothing yet is made again sooner.",
        )
    return None


def _wrong_size(image: Image, wanted: int) -> Outcome | None:
    size = image.virtual_size_bytes
    if size == wanted:
        return None
    saw = f"{image.path} is {size_says(size)} wide, not {size_says(wanted)}"
    if size and any(size * step == wanted or wanted * step == size for step in (1 << 10, 1 << 20, 1 << 30)):
        return failed(saw, "The number is right and its letter is not: K, M, G, T are 1024 apart.")
    if size < wanted:
        return failed(saw, "Too small: `qemu-img resize` makes it grow, and its virtual size costs no room.")
    return failed(saw, "Too large: `qemu-img resize` needs --shrink for that; making it again is safer.")


def _wrong_preallocation(image: Image, wanted: bool | None) -> Outcome | None:
    if wanted is None or bool(image.preallocated) == wanted:
        return None
    size = f"{image.actual_size_bytes / (1 << 20):.1f} MiB on disk"
    if wanted:
        return failed(
            f"the metadata of {image.path} was not written at creation ({size})",
            "Preallocation is an option of the format, given with -o when the image is made; "
            "the tutorial misspells it.",
        )
    return failed(
        f"the metadata of {image.path} was written at creation ({size})",
        "Leave the preallocation option away, and compare `ls -ls` of both.",
    )
