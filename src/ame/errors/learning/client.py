"""Training scripts that speak to their site in the wrong way, or that have none to speak to.

These are RuntimeError, TypeError or ValueError too: training scripts catch them so.
"""

import re
from typing import TYPE_CHECKING

from ame.errors.tree import Cancelled, Conflict, Denied, Failed, Invalid, Unavailable

if TYPE_CHECKING:
    from pathlib import Path


class NoSite(Unavailable, RuntimeError):
    """A training script was started by hand, and wants to learn with others."""

    def __init__(self, where: str | None = None) -> None:
        self.where = where
        what = (
            "it runs in no federated job"
            if where is None
            else f"none answers at `{where}` any more"
        )
        super().__init__(
            f"this script has no site to talk to: {what}. Start the job that names it "
            "(`ame fed run job.py`), or try the script alone with "
            "`AME_FEDERATION=alone python SCRIPT`"
        )


class NotBegun(Conflict, RuntimeError):
    """A training script asked for something before it said `init()`."""

    def __init__(self, call: str) -> None:
        self.call = call
        super().__init__(f"`{call}` was called before `init()`; call `init()` once, first")


class NothingReceived(Conflict, RuntimeError):
    """A training script sent a model without having received one."""

    def __init__(self) -> None:
        super().__init__(
            '"receive" needs to be called before a model is sent: each `send()` answers one '
            "`receive()`"
        )


class NoTask(Conflict, RuntimeError):
    """A training script asked about its task while it has none."""

    def __init__(self, call: str) -> None:
        self.call = call
        super().__init__(
            f"`{call}` was called while no task is under way; call it after `receive()` and "
            "before `send()`"
        )


class RankSilent(Denied, RuntimeError):
    """A process of a distributed training that is not its first one spoke to the site."""

    def __init__(self, call: str, rank: str) -> None:
        self.call = call
        self.rank = rank
        super().__init__(
            f"only rank 0 can call `{call}`, and this is rank {rank}; call it on rank 0 and "
            "broadcast the answer"
        )


class RankInvalid(Invalid, ValueError):
    """What was given as the rank of a process is none."""

    def __init__(self, given: object) -> None:
        self.given = type(given).__name__
        super().__init__(
            f"`init(rank=...)` takes a number or its text and was given {self.given}; "
            "give the process's rank over all machines, such as torchrun's RANK"
        )


class JobAborted(Cancelled, RuntimeError):
    """The job was ended while a training script waited or wanted to send."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"the job was aborted: {why}")


class NotAModel(Invalid, TypeError):
    """What was to be sent is no FLModel."""

    def __init__(self, given: object) -> None:
        self.given = type(given).__name__
        super().__init__(
            f"`send()` takes an FLModel and was given {self.given}; wrap it: "
            "`send(FLModel(params=...))`"
        )


class NothingToSend(Invalid, RuntimeError):
    """A model without parameters and without metrics was to be sent."""

    def __init__(self) -> None:
        super().__init__(
            "the model to send has neither params nor metrics; give `FLModel(params=...)`, "
            "`FLModel(metrics=...)` or both"
        )


class ParamsUnfit(Invalid, ValueError):
    """Parameters that cannot be brought from one form into the other."""

    def __init__(self, key: str | None, why: str) -> None:
        self.key = key
        self.why = why
        what = "the parameters" if key is None else f"the parameter `{key}`"
        super().__init__(f"{what} cannot be exchanged: {why}")


class NoDifference(Invalid, RuntimeError):
    """A difference to the received model was wanted that cannot be taken."""

    def __init__(self, key: str | None, why: str) -> None:
        self.key = key
        self.why = why
        what = "the model" if key is None else f"the parameter `{key}`"
        super().__init__(
            f"the difference to the received model cannot be taken of {what}: {why}; send what "
            "was received under the same names and shapes, or use "
            "`params_transfer_type=TransferType.FULL`"
        )


class ScriptFailed(Failed, RuntimeError):
    """A training script that is a process of its own will not answer."""

    def __init__(
        self, script: str, kind: str, how: str, words: str, *, code: int | None = None
    ) -> None:
        self.script = script
        self.kind = kind
        """`exited`, `killed`, or `silent`: it never answered."""
        self.how = how
        self.words = words
        """What it printed last."""
        self.code = code
        """Its exit code; minus the number of the signal that ended it."""
        start = words.rfind("Traceback (most recent call last):")
        self.trace = words[start:].rstrip() if start >= 0 else ""
        """Its own traceback, if it printed one."""
        places = re.findall(r'^ *File "([^"<]+)", line (\d+)', self.trace, re.MULTILINE)
        own = [place for place in places if "/site-packages/" not in place[0]] or places
        self.place = ":".join(own[-1]) if own else ""
        """`file:line` where it failed, the last that is no installed package's."""
        last = self.trace or "\n".join(words.rstrip().splitlines()[-20:])
        tail = f"; its last words:\n{last}" if last else "; it printed nothing"
        super().__init__(f"{script} {how}{tail}")


class TaskTimedOut(Failed, TimeoutError):
    """A training script has not answered a task in its time."""

    def __init__(self, script: str, task: str, seconds: float) -> None:
        self.script = script
        self.task = task
        self.seconds = seconds
        super().__init__(
            f"{script} has not answered `{task}` within {seconds:g} seconds; give the task more "
            "time, or the script less to do"
        )


class ModelUnread(Invalid):
    """A file that was to hold a model holds none that can be read."""

    def __init__(self, file: "Path", why: str) -> None:
        self.file = file
        self.why = why
        super().__init__(f"no model can be read from `{file}`: {why}")


class MetricsMissing(Invalid, RuntimeError):
    """A trained model was to come with metrics of the one it was trained from."""

    def __init__(self) -> None:
        super().__init__(
            "the job wants metrics of the received model with the trained one; call the trainer's "
            "`validate` or `evaluate` before it trains"
        )


class TrainerUnfit(Invalid, ValueError):
    """A trainer is set up for what cannot be done in rounds."""

    def __init__(self, setting: str, why: str) -> None:
        self.setting = setting
        self.why = why
        super().__init__(f"a trainer with `{setting}` cannot train in rounds: {why}")


class FlareMissing(Unavailable):
    """A job was to run on NVFLARE, which is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "NVFLARE's command `nvflare` is not on the PATH; install `nvflare==2.9.*` in an "
            "environment of its own and name its command in NVFLARE_COMMAND, or run the job here "
            "with `SimEnv`"
        )


class FlareFailed(Failed):
    """NVFLARE's command says that something went wrong."""

    def __init__(self, command: str, words: str) -> None:
        self.command = command
        self.words = words
        last = "\n".join(words.strip().splitlines()[-20:])
        super().__init__(f"`nvflare {command}` failed; it said:\n{last}")
