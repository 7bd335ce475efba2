"""Flower: its apps, its SuperLink and its SuperNodes."""

from ame.errors.tree import Failed, Invalid, Unavailable


class FlowerAppInvalid(Invalid, ValueError):
    """What should be an app of Flower's is none."""

    def __init__(self, where: str, why: str) -> None:
        self.where = where
        self.why = why
        super().__init__(f"{where} makes no Flower app: {why}")


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
