"""The queue of events, into which services say what they do."""

QUEUE = "events"


def event(service: str, function: str, what: str, *, at: float) -> dict[str, object]:
    """What is published of an event; `at` is in seconds since 1970."""
    return {"time": at, "service": service, "function": function, "event": what}
