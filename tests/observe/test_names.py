"""A name server asked on the wire: the bytes of RFC 1035 over loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from kvmbench.observe import wire
from kvmbench.observe.wire import Answer, resolved

QUESTION = b"\x02c2\x00\x00\x01\x00\x01"
ALIAS = b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x04\x01x\xc0\x0c"
ADDRESS = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x01\x01\x0b"


def reply(answers: int, body: bytes, code: int = 0) -> bytes:
    return bytes([0x12, 0x34, 0x85, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0]) + QUESTION + body


@contextmanager
def serving(told: bytes) -> Iterator[int]:
    """A name server that says one thing, under the number of whoever asks."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug:
        plug.bind(("127.0.0.1", 0))
        plug.settimeout(5)

        def answer_once() -> None:
            asked, client = plug.recvfrom(512)
            plug.sendto(asked[:2] + told[2:], client)

        thread = threading.Thread(target=answer_once)
        thread.start()
        yield int(plug.getsockname()[1])
        thread.join()


def test_the_first_address_of_a_reply_is_told_past_an_alias() -> None:
    at = 12 + len(QUESTION)
    assert resolved(reply(2, ALIAS + ADDRESS), at) == Answer(True, "10.1.1.11")
    assert resolved(reply(1, ALIAS), at) == Answer(False, why="no such name")
    assert resolved(reply(0, b"", code=3), at) == Answer(False, why="no such name")
    assert resolved(reply(0, b"", code=5), at) == Answer(False, why="the name server answers with error 5")


def test_a_reply_that_breaks_off_is_no_answer_and_no_crash() -> None:
    whole = reply(2, ALIAS + ADDRESS)
    at = 12 + len(QUESTION)
    for end in range(12, len(whole)):
        assert resolved(whole[:end], at).ok is False, end


def test_a_name_server_is_asked_and_answers() -> None:
    with serving(reply(1, ADDRESS)) as port:
        assert wire.dns("127.0.0.1", port, "c2") == Answer(True, "10.1.1.11")


def test_where_nobody_listens_the_refusal_is_told() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug:
        plug.bind(("127.0.0.1", 0))
        free = int(plug.getsockname()[1])
    assert wire.dns("127.0.0.1", free, "c2", tries=1) == Answer(False, why="Connection refused")


def test_what_is_no_host_name_cannot_be_asked() -> None:
    assert wire.dns("127.0.0.1", 53, "ä").ok is None
