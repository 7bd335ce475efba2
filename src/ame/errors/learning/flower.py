"""Flower: its apps, its SuperLink and its SuperNodes."""

from ame.errors.tree import Cancelled, Failed, Invalid, Unavailable


class FlowerAppInvalid(Invalid, ValueError):
    """What should be an app of Flower's is none."""

    def __init__(self, where: str, why: str) -> None:
        self.where = where
        self.why = why
        super().__init__(f"{where} makes no Flower app: {why}")


class SuperLinkInvalid(Invalid, ValueError):
    """What should say where a SuperLink is does not."""

    def __init__(self, address: str, why: str) -> None:
        self.address = address
        super().__init__(f"`{address}` is no SuperLink's address: {why}")


class FlowerUnreachable(Unavailable):
    """A SuperLink or a SuperNode does not answer."""

    def __init__(self, what: str, address: str, why: str, remedy: str) -> None:
        self.what = what
        self.address = address
        self.why = why
        super().__init__(f"{what} at {address} does not answer: {why}; {remedy}")


class FlowerRefused(Failed):
    """A SuperLink takes no run, or its run has ended before the job has."""

    def __init__(self, address: str, why: str, code: str = "") -> None:
        self.address = address
        self.why = why
        self.code = code
        """What Flower calls it; empty where it does not say."""
        super().__init__(f"the SuperLink at {address} {why}")


class FlowerRunFailed(Failed):
    """A run that was submitted to a SuperLink has failed."""

    def __init__(self, run: int, address: str, why: str) -> None:
        self.run = run
        self.address = address
        self.why = why
        super().__init__(f"run {run} of the SuperLink at {address} has failed: {why}")


class FlowerRunStopped(Cancelled):
    """A run that was submitted to a SuperLink was stopped there."""

    def __init__(self, run: int, address: str) -> None:
        self.run = run
        self.address = address
        super().__init__(f"run {run} of the SuperLink at {address} was stopped there")


class SuperLinkExposed(Invalid):
    """Other machines would speak to a SuperLink without TLS, and nobody has said that they may."""

    def __init__(self) -> None:
        super().__init__(
            "sites would reach the task's SuperLink without TLS: start the server with "
            "`--superlink-tls FOLDER`, or add `--insecure` to the task's arguments"
        )


class SuperLinkTlsInvalid(Invalid, ValueError):
    """What a SuperLink needs for TLS is not there, or cannot be."""

    def __init__(self, where: str, why: str) -> None:
        self.where = where
        self.why = why
        super().__init__(
            f"{where} {why}: give a folder with `ca.crt`, `server.pem` and `server.key`"
        )


class JobTooLarge(Invalid, ValueError):
    """What a job takes along is more than a bundle of Flower's can hold."""

    def __init__(self, size: int, largest: int) -> None:
        self.size = size
        self.largest = largest
        super().__init__(
            f"the job's code and files for its sites are {size / 2**20:.1f} MB as a bundle, and "
            f"Flower takes {largest / 2**20:.0f} MB; have the sites find their data where they are"
        )
