"""Secrets, their keys, and vaults."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ame.errors.tree import (
    Conflict,
    Damaged,
    Denied,
    Error,
    Invalid,
    NotFound,
    Unavailable,
    Unsupported,
)

if TYPE_CHECKING:
    from pathlib import Path


class SecretInvalid(Invalid):
    """A secret's name or value cannot be kept, or cannot be given to a task."""

    def __init__(self, key: str, why: str) -> None:
        self.key = key
        self.why = why
        super().__init__(f"secret `{key}`: {why}")


class SecretNotFound(NotFound):
    """The store has no secret of that name."""

    def __init__(self, key: str, near: str = "") -> None:
        self.key = key
        self.near = near
        hint = f"did you mean `{near}`? If not, " if near else ""
        super().__init__(
            f"there is no secret `{key}`: {hint}run `ame secret add {key}`; "
            "`ame secret list` shows those there are"
        )


class SecretExists(Conflict):
    """The store has a secret of that name already."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(
            f"there is a secret `{key}` already: to give it a new value, "
            f"run `ame secret add --replace {key}`"
        )


class SecretsMissing(NotFound):
    """Secrets that tasks ask for cannot be read; nothing was started."""

    def __init__(self, faults: Sequence[tuple[str, Error]]) -> None:
        """`faults`: the name of a task and what is wrong with a secret of it."""
        self.faults = tuple(faults)
        lines = "".join(f"\n  task `{task}`: {error}" for task, error in self.faults)
        super().__init__(f"secrets cannot be read, so nothing was started:{lines}")


class KeyExposed(Denied):
    """A file that holds a key or a token can be read by others."""

    def __init__(self, file: "Path") -> None:
        self.file = file
        super().__init__(
            f"{file}: other users can read this file, so it is not used: "
            f"run `chmod 600 {file}`, and replace what it protects if others have read it"
        )


class KeyLost(Denied):
    """The key that the stored secrets are encrypted with is not where it was put."""

    def __init__(self, file: "Path", place: str) -> None:
        """`file`: of the secrets; `place`: where the key should be."""
        self.file = file
        self.place = place
        super().__init__(
            f"{file}: the key of these secrets is not in {place}: put it back, "
            "or delete each secret (`ame secret delete`) and add it again"
        )


class SecretsDamaged(Damaged):
    """A file of secrets, or its key, was changed by something else than `ame`."""

    def __init__(self, file: "Path", why: str) -> None:
        self.file = file
        self.why = why
        super().__init__(
            f"{file}: {why}: restore the file from a copy, "
            "or move it away and add the secrets again"
        )


class ExtraMissing(Unsupported):
    """A package that only some users need is not installed."""

    def __init__(self, extra: str, purpose: str) -> None:
        self.extra = extra
        self.purpose = purpose
        super().__init__(
            f"{purpose} needs a package that is not installed: "
            f"run `pip install 'ame-tasks[{extra}]'`"
        )


class VaultInvalid(Invalid):
    """What the settings or the environment say of a vault is wrong or missing."""

    def __init__(self, vault: str, why: str) -> None:
        self.vault = vault
        self.why = why
        super().__init__(f"vault `{vault}`: {why}")


class VaultUnavailable(Unavailable):
    """A vault does not answer, or cannot serve now."""

    def __init__(self, vault: str, address: str, why: str) -> None:
        self.vault = vault
        self.address = address
        self.why = why
        super().__init__(f"vault `{vault}` at {address}: {why}")


class VaultDenied(Denied):
    """A vault refuses the token, the role, or the reading of a path."""

    def __init__(self, vault: str, why: str) -> None:
        self.vault = vault
        self.why = why
        super().__init__(f"vault `{vault}`: {why}")


class VaultSecretNotFound(NotFound):
    """A vault has no such secret, or the secret has no such field."""

    def __init__(self, vault: str, key: str, why: str) -> None:
        self.vault = vault
        self.key = key
        self.why = why
        super().__init__(f"vault `{vault}`: secret `{key}`: {why}")
