"""Messages between processes."""

import socket

from ame.process.beside import wire


def test_what_was_said_by_one_that_went_without_hearing_all_is_heard() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        wire.send(ours, ("never", "heard"))
        wire.send(theirs, ("last", "words"))
        wire.send(theirs, ("very", "last"))
        theirs.close()

        assert wire.receive(ours)[0] == ("last", "words")
        assert wire.receive(ours)[0] == ("very", "last")
        assert wire.receive(ours)[0] is None


def test_an_end_is_no_message() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        theirs.close()

        assert wire.receive(ours) == (None, [])
