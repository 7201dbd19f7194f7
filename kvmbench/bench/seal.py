"""Closes what no namespace separates: keyrings, the caller's terminal, virtual sockets, kept-open files.

A filter of system calls (seccomp(2), BPF) stays with a process and with all that it ever starts. It needs no
privilege of the machine's, as the bench's root may set one for itself.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from kvmbench.bench import linux

_ARCH_X86_64 = 0xC000_003E
_X32 = 0x4000_0000
"""system calls of the x32 ABI have this bit, and would go round a list of numbers"""
_IOCTL, _SOCKET = 16, 41
_REFUSED = (248, 249, 250, 425)
"""add_key, request_key, keyctl: keyrings come along into any namespace (keyrings(7)), and a request for a key
starts a program as the machine's root; io_uring_setup: its sockets are made without socket(2)"""
_TERMINAL = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX type on the caller's terminal, where a shell of the machine reads on"""
_AF_VSOCK = 40
"""reaches the hypervisor and the machine's own services past every network namespace (vsock(7))"""

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ARCH, _ARGUMENT_0, _ARGUMENT_1 = 0, 4, 16, 24
_ALLOW, _ERRNO = 0x7FFF_0000, 0x0005_0000
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2


class _Program(ctypes.Structure):
    """struct sock_fprog of seccomp(2)."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _refuse_if(test: int, value: int, number: int) -> bytes:
    """Answer with an error number when what was loaded passes the test; else go on behind."""
    return _step(test, value, 0, 1) + _step(_RETURN, _ERRNO | number)


def _argument_of(call: int, where: int, refused: tuple[int, ...], number: int) -> bytes:
    """For one system call: refuse some values of an argument; the number is loaded before and behind."""
    look = _step(_LOAD, where) + b"".join(_refuse_if(_EQUAL, value, number) for value in refused)
    look += _step(_LOAD, _NUMBER)
    return _step(_EQUAL, call, 0, len(look) // 8) + look


def _filter() -> bytes:
    return b"".join(
        (
            _step(_LOAD, _ARCH),
            _step(_EQUAL, _ARCH_X86_64, 1, 0),
            _step(_RETURN, _ERRNO | errno.ENOSYS),
            _step(_LOAD, _NUMBER),
            _refuse_if(_AT_LEAST, _X32, errno.ENOSYS),
            *(_refuse_if(_EQUAL, call, errno.ENOSYS) for call in _REFUSED),
            _argument_of(_IOCTL, _ARGUMENT_1, _TERMINAL, errno.EPERM),
            _argument_of(_SOCKET, _ARGUMENT_0, (_AF_VSOCK,), errno.EAFNOSUPPORT),
            _step(_RETURN, _ALLOW),
        )
    )


def refuse_what_leads_out() -> None:
    """The calling process and its children to come; it must be root of its user namespace.

    Raises:
        OSError: this kernel has no filters of system calls.
    """
    code = _filter()
    program = _Program(len(code) // 8, code)
    linux.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(program))


def close_files() -> None:
    """All but the standard streams: a directory that a caller left open is a door to the machine by `..`."""
    os.closerange(3, 2**31 - 1)
