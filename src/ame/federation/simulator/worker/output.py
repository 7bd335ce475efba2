"""What a site prints, by Python or not, goes to its own log."""

import fcntl
import io
import logging
import os
import sys


class Output:
    """Descriptors 1 and 2 of this process, and `sys.stdout` and `sys.stderr` over them."""

    def __init__(self, *, spooled: bool) -> None:
        """What nobody in particular prints goes where it went before, or is spooled."""
        sys.stdout.flush()
        sys.stderr.flush()
        self._spool = _memory() if spooled else os.dup(1)
        self._lead(self._spool)
        sys.stdout = self.out = _text(1)
        sys.stderr = self.err = _text(2)
        logging.lastResort = _Said()

    def to(self, log: str) -> None:
        """From now on it goes there."""
        self.flush()
        there = _open(log)
        self._lead(there)
        os.close(there)

    def to_spool(self) -> None:
        """From now on it is nobody's, until `spooled` is asked."""
        self.flush()
        self._lead(self._spool)

    def spooled(self) -> bytes:
        """What was printed meanwhile; it is taken out."""
        self.flush()
        size = os.lseek(self._spool, 0, os.SEEK_END)
        if not size:
            return b""
        text = os.pread(self._spool, size, 0)
        os.ftruncate(self._spool, 0)
        return text

    def flush(self) -> None:
        """Writes out lines that have no end yet."""
        self.out.flush()
        self.err.flush()

    def size(self) -> int:
        """Bytes in the log so far."""
        return os.fstat(1).st_size

    @staticmethod
    def _lead(there: int) -> None:
        os.dup2(there, 1)
        os.dup2(there, 2)


class _Said(logging.Handler):
    """What is logged where nobody has said where to: it is printed, from INFO on."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Prints a line."""
        sys.stderr.write(f"{self.format(record)}\n")


def _memory() -> int:
    memory = os.memfd_create("spool", os.MFD_CLOEXEC)
    fcntl.fcntl(memory, fcntl.F_SETFL, os.O_APPEND)
    return memory


def _open(file: str) -> int:
    return os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)


def _text(descriptor: int) -> io.TextIOWrapper:
    raw = io.FileIO(descriptor, "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), "utf-8", errors="backslashreplace", line_buffering=True
    )
