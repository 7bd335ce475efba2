"""Flower: its apps, its SuperLink and its SuperNodes."""

from ame.errors.tree import Failed, Invalid, Unavailable


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

    def __init__(self, address: str, why: str) -> None:
        self.address = address
        self.why = why
        super().__init__(f"the SuperLink at {address} {why}")


class JobTooLarge(Invalid, ValueError):
    """What a job takes along is more than a bundle of Flower's can hold."""

    def __init__(self, size: int, largest: int) -> None:
        self.size = size
        self.largest = largest
        super().__init__(
            f"the job's code and files for its sites are {size / 2**20:.1f} MB as a bundle, and "
            f"Flower takes {largest / 2**20:.0f} MB; have the sites find their data where they are"
        )
