"""Calls through a queue."""

from ame.errors.tree import Damaged, Denied, Failed, Invalid, NotFound, Unavailable


class BrokerInvalid(Invalid):
    """The address of a broker is none."""

    def __init__(self, address: str, why: str) -> None:
        self.address = address
        self.why = why
        super().__init__(
            f"the broker's address `{address}` cannot be used ({why}): write "
            "`amqp://USER:PASSWORD@HOST:PORT/VHOST`, `amqps://…` for TLS, or `memory://NAME`"
        )


class BrokerDenied(Denied):
    """A broker refuses the user, the password or the virtual host."""

    def __init__(self, address: str, why: str) -> None:
        self.address = address
        self.why = why
        super().__init__(
            f"the broker {address} refuses the connection ({why}): see that user, password and "
            "virtual host are right, and that the user may use it"
        )


class BrokerSilent(Unavailable):
    """A broker is not reached."""

    def __init__(self, address: str, why: str) -> None:
        self.address = address
        self.why = why
        super().__init__(
            f"the broker {address} is not reached ({why}): see that it runs, and that host, port "
            "and TLS are right"
        )


class FunctionUnserved(NotFound):
    """No service takes calls of this name."""

    def __init__(self, function: str) -> None:
        self.function = function
        super().__init__(
            f"nobody serves `{function}`: see that the name is right and its service runs; "
            f"`ame broker list {function}` shows who takes its calls"
        )


class QueueUnknown(NotFound):
    """A broker has no queue of this name."""

    def __init__(self, queue: str) -> None:
        self.queue = queue
        super().__init__(
            f"there is no queue `{queue}`: a service makes those of its functions when it starts; "
            "one for dead messages is made by whoever sets the policy"
        )


class FunctionSilent(Unavailable):
    """A call was not answered in time. Whether it was done is not known."""

    def __init__(self, function: str, seconds: float) -> None:
        self.function = function
        self.seconds = seconds
        super().__init__(
            f"`{function}` did not answer in {seconds:g} s, and may still be done: see that its "
            "service runs, or allow it more time"
        )


class FunctionRefused(Invalid):
    """A service refuses a call: its arguments do not fit, or it comes too often."""

    def __init__(self, function: str, status: int, text: str) -> None:
        self.function = function
        self.status = status
        self.text = text
        super().__init__(text)


class FunctionFailed(Failed):
    """A function was called and raised an error."""

    def __init__(self, function: str, status: int, text: str) -> None:
        self.function = function
        self.status = status
        self.text = text
        super().__init__(f"`{function}` failed: {text}")


class ReplyUnreadable(Damaged):
    """What came back from a service is no answer."""

    def __init__(self, function: str, why: str) -> None:
        self.function = function
        self.why = why
        super().__init__(
            f"the answer of `{function}` cannot be read ({why}): see which service takes its calls"
        )


class MessageUnfit(Invalid):
    """A message cannot be sent, or cannot be taken as a call."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class FunctionInvalid(Invalid):
    """A function cannot be served: its name is taken, or its schema is none."""

    def __init__(self, function: str, why: str) -> None:
        self.function = function
        self.why = why
        super().__init__(f"`{function}` cannot be served: {why}")
