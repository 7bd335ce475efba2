"""How a federated job ended, as a number that a program can act upon."""

from enum import IntEnum


class Code(IntEnum):
    """What `simulator_run` returns, and `ame fed run` exits with. A number is never used again.

    From 11 on: why the job could not go on. All of it was told as it happened.
    """

    DONE = 0
    FAILED = 1
    WITHOUT = 10
    RAISED = 11
    EXITED = 12
    KILLED = 13
    TIMED_OUT = 14
    UNFIT = 15

    @property
    def meaning(self) -> str:
        """In words."""
        return _MEANINGS[self]


_MEANINGS = {
    Code.DONE: "done",
    Code.FAILED: "failed",
    Code.WITHOUT: "done, but sites were lost on the way",
    Code.RAISED: "a script or a component raised an error",
    Code.EXITED: "a script ended, or exited, without an answer",
    Code.KILLED: "a site's process was killed",
    Code.TIMED_OUT: "a site took too long",
    Code.UNFIT: "a site's answer could not be used: not a number, or of the wrong shape",
}
KINDS = {
    "raised": Code.RAISED,
    "exited": Code.EXITED,
    "silent": Code.EXITED,
    "killed": Code.KILLED,
    "timeout": Code.TIMED_OUT,
    "unfit": Code.UNFIT,
}
"""For each kind of loss (`exchange.sites.Why`) the code of a job that it ended."""
