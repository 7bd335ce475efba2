"""What peers send and are sent."""

from ame.errors.tree import Denied, Failed, Invalid, NotFound, Unavailable

CODES = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND"),
    *("ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION"),
    *("ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"),
    "UNAUTHENTICATED",
)
"""The names of google.rpc's codes, by their numbers."""


class TensorsMalformed(Invalid):
    """Bytes are not the tensors that they should be."""

    def __init__(self, found: str, at: int) -> None:
        self.found = found
        self.at = at
        super().__init__(f"these bytes are no tensors: {found}, at byte {at}")


class TensorUnfit(Invalid):
    """An array cannot be written as a tensor."""

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self.why = why
        super().__init__(f"tensor {name} cannot be written: {why}" if name else why)


class RequestMalformed(Invalid):
    """What a peer sent is not the message that it should be."""

    def __init__(self, found: str) -> None:
        self.found = found
        super().__init__(f"the message cannot be read: {found}")


class RequestTooLarge(Unavailable):
    """What a peer sent is longer than it may be."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"the body is longer than {limit} bytes, plain or decompressed")


class CallUnknown(NotFound):
    """No call is made by this method and path."""

    def __init__(self, method: str, path: str) -> None:
        self.method = method
        self.path = path
        super().__init__(f"no call is made by {method} {path}")


class Unauthenticated(Denied):
    """Who asks has not shown who they are."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class CallFailed(Failed):
    """A server refused a call, or could not be reached."""

    def __init__(self, code: int, said: str) -> None:
        self.code = code
        self.said = said
        name = CODES[code] if 0 <= code < len(CODES) else f"status {code}"
        super().__init__(f"the server answered with {name}: {said}")
