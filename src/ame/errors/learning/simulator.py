"""Simulated federated jobs: what they are asked for, and what ends them."""

from ame.errors.tree import Failed, Invalid, NotFound, Unavailable


class NoAnswer(Failed):
    """A site's script gave no answer to its task."""

    def __init__(self, kind: str, text: str, *, trace: str = "", place: str = "") -> None:
        """`kind`: of `exchange.sites.Why`; `trace`: its own traceback."""
        self.kind = kind
        self.text = text
        self.trace = trace
        self.place = place
        super().__init__(f"{text} ({place})" if place else text)


class SimulatorFailed(Unavailable):
    """The processes of a simulation could not be started."""

    def __init__(self, log: str, said: str) -> None:
        self.log = log
        self.said = said
        super().__init__(
            f"the simulator's own processes did not start: {said or 'they said nothing'}; "
            f"what they printed is in {log}"
        )


class SimulationInvalid(Invalid, ValueError):
    """A simulation was asked for that cannot be."""

    def __init__(self, argument: str, why: str) -> None:
        self.argument = argument
        super().__init__(f"`{argument}` {why}")


class NothingToResume(NotFound):
    """There is no run that could be continued."""

    def __init__(self, place: str, why: str) -> None:
        self.place = place
        self.why = why
        super().__init__(f"`{place}` has no run to continue: {why}; begin anew, without `resume`")
