"""What a command that serves tells of its work: a line for each thing, on standard error."""

import logging


class Line(logging.Formatter):
    """One line, whatever a caller put into what is told."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own
        """See `logging.Formatter`."""
        record.message = "".join(
            each if each.isprintable() else repr(each)[1:-1] for each in record.message
        )
        return super().formatMessage(record)


def show(level: str) -> None:
    """Shows what is told from this level on."""
    shown = logging.StreamHandler()
    shown.setFormatter(Line("%(asctime)s %(levelname)s %(message)s"))
    own = logging.getLogger("ame")
    own.addHandler(shown)
    own.setLevel(level.upper())
