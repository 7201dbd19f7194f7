"""Evidence: what was seen, line by line, each line sealed with all before it, and the whole signed.

A line is the SHA-256 of the line before and its own text, a blank, and the text (JSON). The last one carries
an Ed25519 signature (RFC 8032) over the seal of the one before. So no byte can change, no line can be
taken out, and no student's evidence can stand in for another's: the name is in the first line.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kvmbench.bench import places
from kvmbench.errors import BadInput, EvidenceBroken

_START = "0" * 64
_CONTEXT = b"kvmbench evidence 1\n"
SUFFIX = ".evidence"
DEFAULT_KEY = "course.key"


@dataclass(frozen=True)
class Key:
    """The instructor's secret: evidence is signed with what is derived from it."""

    secret: bytes

    @property
    def signing(self) -> Ed25519PrivateKey:
        derived = HKDF(SHA256(), 32, salt=None, info=b"kvmbench signature").derive(self.secret)
        return Ed25519PrivateKey.from_private_bytes(derived)

    @property
    def public(self) -> Ed25519PublicKey:
        return self.signing.public_key()

    @property
    def name(self) -> str:
        """By which a key is told from another; it gives nothing away."""
        return hashlib.sha256(self.public.public_bytes_raw()).hexdigest()[:16]


def load_key(file: Path | None) -> Key:
    """The instructor's key: any file of 16 bytes or more that nobody else can read.

    Without a file it is that of the data directory, made when it is missing.

    Raises:
        BadInput: it is missing, too short, or open to others.
    """
    path = places.data_directory() / DEFAULT_KEY if file is None else file
    if file is None and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as made:
            made.write(os.urandom(32).hex() + "\n")
    try:
        secret, mode = path.read_bytes().strip(), path.stat().st_mode
    except OSError as error:
        raise BadInput(
            f"the key {path} cannot be read: {error.strerror}",
            f"Make one: head -c 32 /dev/urandom | base64 > {path}; chmod 600 {path}",
        ) from error
    if len(secret) < 16:
        raise BadInput(f"the key {path} is shorter than 16 bytes", "Take one that nobody can guess.")
    if mode & 0o077:
        raise BadInput(f"others can read the key {path}", f"Type: chmod 600 {path}")
    return Key(secret)


def sealed(records: Sequence[dict[str, Any]], key: Key) -> bytes:
    """The records as a bundle."""
    seal, lines = _START, []
    for record in records:
        text = msgspec.json.encode(record)
        seal = _seal(seal, text)
        lines.append(seal.encode() + b" " + text)
    return b"".join(line + b"\n" for line in (*lines, _signature(seal, key)))


def _seal(before: str, text: bytes) -> str:
    return hashlib.sha256(before.encode() + text).hexdigest()


def _signature(seal: str, key: Key) -> bytes:
    signature = key.signing.sign(_CONTEXT + seal.encode()).hex()
    text = msgspec.json.encode({"kind": "signature", "key": key.name, "signature": signature})
    return _seal(seal, text).encode() + b" " + text


def opened(data: bytes, key: Key, *, student: str) -> list[dict[str, Any]]:
    """The records of a bundle that is whole, signed with this key, and this student's.

    Raises:
        EvidenceBroken: it is not.
    """
    lines = data.split(b"\n")
    if len(lines) < 3 or lines.pop() != b"":
        raise _broken(student, "it is cut short")
    seal, records = _START, []
    for number, line in enumerate(lines[:-1], 1):
        given, _, text = line.partition(b" ")
        seal = _seal(seal, text)
        if given != seal.encode():
            raise _broken(student, f"line {number} was changed")
        records.append(_record(student, text))
    if lines[-1] != _signature(seal, key):
        raise _broken(student, "its signature is not that of this key")
    if records[0].get("kind") != "head" or records[0].get("student") != student:
        raise _broken(student, f"it is the evidence of {records[0].get('student')}")
    return records


def _record(student: str, text: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise _broken(student, str(error)) from error


def _broken(student: str, why: str) -> EvidenceBroken:
    return EvidenceBroken(
        f"the evidence of {student} is not what was written: {why}",
        "Take it from a backup, or grade this submission once more.",
    )


def signed_text(data: bytes, key: Key) -> str:
    """A signature over any file, in hexadecimal digits."""
    return key.signing.sign(_CONTEXT + hashlib.sha256(data).hexdigest().encode()).hex()


def has_signed(data: bytes, signature: str, key: Key) -> bool:
    """Whether this key made a signature over these bytes."""
    try:
        key.public.verify(bytes.fromhex(signature), _CONTEXT + hashlib.sha256(data).hexdigest().encode())
    except (InvalidSignature, ValueError):
        return False
    return True
