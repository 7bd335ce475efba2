from pathlib import Path

import pytest

from ame import errors, project, runs
from ame.engine.secrets import values
from ame.storage.secrets.vault import Vault, Vaults
from parts.servers import openbao

STORED = project.AmeSecret(key="stored", variable="STORED")
MISSING = project.AmeSecret(key="missing", variable="MISSING")
REMOTE = project.VaultSecret(vault="company", key="path/to/secret", variable="REMOTE")


def task(*asked: project.Secret) -> project.Task:
    return project.Task(
        name="train",
        project="demo",
        folder=Path(),
        executor=project.Custom(command="true"),
        secrets=asked,
    )


@pytest.fixture
def store() -> runs.Secrets:
    store = runs.MemorySecrets()
    store.put("stored", "tip-top")
    return store


NOWHERE = Vaults({"company": Vault(name="company", address="http://127.0.0.1:1")}, {})


def test_each_task_gets_its_values_by_variable(store: runs.Secrets, tmp_path: Path) -> None:
    with openbao.running(tmp_path) as bao:
        bao.put("path/to/secret", value="from afar")
        known = {"company": Vault(name="company", address=bao.address, token_variable="T")}
        vaults = Vaults(known, {"T": openbao.TOKEN})

        given = values.read({"a": task(STORED, REMOTE), "b": task()}, store, vaults)

    assert given == {"a": {"STORED": "tip-top", "REMOTE": "from afar"}, "b": {}}
    assert "tip-top" not in repr(given)
    assert "afar" not in repr(given)


def test_all_that_is_missing_is_told_at_once(store: runs.Secrets) -> None:
    with pytest.raises(errors.SecretsMissing) as caught:
        values.read({"a": task(STORED, MISSING), "b": task(MISSING, REMOTE)}, store, NOWHERE)

    text = str(caught.value)
    assert [name for name, _ in caught.value.faults] == ["a", "b", "b"]
    assert "task `a`: there is no secret `missing`: run `ame secret add missing`" in text
    assert "task `b`: vault `company`" in text
    assert "tip-top" not in text


def test_a_single_fault_of_another_kind_keeps_its_kind(store: runs.Secrets) -> None:
    with pytest.raises(errors.VaultDenied, match="company"):
        values.read({"a": task(REMOTE), "b": task(REMOTE)}, store, NOWHERE)
