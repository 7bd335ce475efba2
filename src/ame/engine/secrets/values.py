"""The values of all secrets that tasks ask for, read before anything starts."""

from collections.abc import Mapping
from typing import assert_never

from ame import errors, project, runs
from ame.storage.secrets import vault


def read(
    tasks: Mapping[str, project.Task], store: runs.Secrets, vaults: vault.Vaults
) -> dict[str, Mapping[str, str]]:
    """For each task, by the name it has in `tasks`, its values by environment variable.

    Raises:
        errors.SecretsMissing: some cannot be read; it tells of all of them at once.
        errors.Error: all that is wrong is one thing that no `ame secret add` mends, such as a
            vault that does not answer.

    """
    values: dict[str, Mapping[str, str]] = {}
    faults: list[tuple[str, errors.Error]] = []
    for name, task in tasks.items():
        found: dict[str, str] = {}
        for secret in task.secrets:
            try:
                found[secret.variable] = _value(secret, store, vaults)
            except errors.Error as error:
                faults.append((name, error))
        values[name] = found
    if faults:
        first = faults[0][1]
        if len({str(fault) for _, fault in faults}) == 1 and not isinstance(first, errors.NotFound):
            raise first
        raise errors.SecretsMissing(faults)
    return values


def _value(secret: project.Secret, store: runs.Secrets, vaults: vault.Vaults) -> runs.Secret:
    match secret:
        case project.AmeSecret():
            return store.get(secret.key)
        case project.VaultSecret():
            return vaults.read(secret.vault, secret.key, secret.field)
        case _:
            assert_never(secret)
