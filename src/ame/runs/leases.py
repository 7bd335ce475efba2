"""Leases on what a machine has: who gets how much of it, and when. Decisions without I/O."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Event
from typing import Protocol, Self

from ame import errors

PATIENCE = timedelta(seconds=10)
"""For how long what was asked for later may pass what was asked for before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a step asks for."""

    cpu: Decimal = Decimal(0)
    memory: int = 0
    """Bytes."""
    storage: int = 0
    """Bytes."""
    gpus: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What there is to be given."""

    cpu: Decimal
    memory: int
    """Bytes."""
    storage: int
    """Bytes."""
    gpus: tuple[str, ...] = ()
    """The id of each."""

    def check(self, claim: Claim) -> None:
        """Refuses a claim that could never be met.

        Raises:
            errors.ClaimTooLarge: there is less, naming what and how much.

        """
        given = zip(_FIELDS, _amounts(claim), _amounts(self), strict=True)
        short = [(name, _words(name, a), _words(name, b)) for name, a, b in given if a > b]
        if short:
            raise errors.ClaimTooLarge(short)

    def has(self, claim: Claim) -> bool:
        """Whether there is enough for it."""
        return all(a <= b for a, b in zip(_amounts(claim), _amounts(self), strict=True))

    def fit(self, claim: Claim) -> Claim:
        """The claim, no larger than what there is."""
        return Claim(
            cpu=min(claim.cpu, self.cpu),
            memory=min(claim.memory, self.memory),
            storage=min(claim.storage, self.storage),
            gpus=min(claim.gpus, len(self.gpus)),
        )

    def less(self, lease: "Lease") -> Self:
        """What is left beside the lease."""
        return replace(
            self,
            cpu=self.cpu - lease.claim.cpu,
            memory=self.memory - lease.claim.memory,
            storage=self.storage - lease.claim.storage,
            gpus=tuple(id_ for id_ in self.gpus if id_ not in lease.gpus),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A claim that waits for its turn."""

    number: int
    """Its place: lower ones asked before."""
    holder: str
    claim: Claim
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A share of the machine that is held until it is released or its holder is dead."""

    number: int
    holder: str
    claim: Claim
    gpus: tuple[str, ...] = ()
    """The ids of those that are held, and by nobody else."""


def grant(
    capacity: Capacity, held: Iterable[Lease], asked: Iterable[Asked], *, now: datetime
) -> tuple[Lease, ...]:
    """What can be given now, of what is asked for in that order.

    Who asked first is served first, but one that does not fit lets later ones pass for as long as
    `PATIENCE`. From then on only those pass that take nothing of what it waits for, so that a
    large claim gets its turn once enough of what was given before it has ended.
    """
    free = capacity
    for lease in held:
        free = free.less(lease)
    given: list[Lease] = []
    owed: list[Claim] = []
    for one in asked:
        if free.has(one.claim) and not any(_delays(one.claim, own, free) for own in owed):
            lease = Lease(
                number=one.number,
                holder=one.holder,
                claim=one.claim,
                gpus=free.gpus[: one.claim.gpus],
            )
            free = free.less(lease)
            given.append(lease)
        elif now - one.since >= PATIENCE:
            owed.append(one.claim)
    return tuple(given)


class Leases(Protocol):
    """The leases on one machine, over all threads and processes that are given the same place.

    All must name the same capacity. A lease whose holder is dead counts as released.
    """

    def take(self, claim: Claim, *, holder: str, now: datetime) -> Lease | None:
        """A lease at once, or None: all is in use, or owed to one that waits.

        Raises:
            errors.ClaimTooLarge: the machine never has that much.

        """

    def wait(
        self,
        claim: Claim,
        *,
        holder: str,
        now: datetime,
        timeout: float | None = None,
        cancel: Event | None = None,
    ) -> Lease | None:
        """A lease when its turn has come; None after `timeout` seconds or when `cancel` is set.

        Blocks. Raises as `take`.
        """

    def release(self, lease: Lease, *, now: datetime) -> None:
        """Gives it back; those who wait get it. Idempotent."""

    def awaited(self, *, but: str) -> bool:
        """Whether anyone but this holder waits, as far as is known now. Quick."""

    def held(self) -> tuple[Lease, ...]:
        """What is held now, in the order of asking."""

    def close(self) -> None:
        """Ends the use; what is held stays so. Idempotent."""


_FIELDS = ("cpu", "memory", "storage", "gpus")


def _amounts(of: Claim | Capacity) -> tuple[Decimal | int, ...]:
    gpus = of.gpus if isinstance(of, Claim) else len(of.gpus)
    return of.cpu, of.memory, of.storage, gpus


def _words(name: str, amount: Decimal | int) -> str:
    return f"{amount / 2**30:.4g}Gi" if name in ("memory", "storage") else str(amount)


def _delays(claim: Claim, other: Claim, free: Capacity) -> bool:
    """Whether giving `claim` takes of what `other` waits for."""
    given = zip(_amounts(claim), _amounts(other), _amounts(free), strict=True)
    return any(taken and has - taken < owed for taken, owed, has in given)
