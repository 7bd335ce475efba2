import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ame import errors
from ame.storage.secrets.vault import Vault, Vaults, read_settings
from parts.servers import openbao, ports


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openbao.OpenBao]:
    with openbao.running(tmp_path_factory.mktemp("openbao")) as server:
        server.put("one", password="tip-top")
        server.put("team/db/main", value="v1", user="u1")
        server.put("several", user="u1", password="p1")
        server.put("typed", number=5, nested={"a": [1, True]}, nul="a\0b")
        server.put("gone", x="1")
        client = server.client()
        client.secrets.kv.v2.delete_latest_version_of_secret(path="gone")
        client.sys.enable_secrets_engine("kv", path="old", options={"version": "1"})
        client.secrets.kv.v1.create_or_update_secret(
            path="one", secret={"x": "1"}, mount_point="old"
        )
        client.sys.create_or_update_policy(
            "reader", 'path "secret/data/one" { capabilities = ["read"] }'
        )
        client.sys.enable_auth_method("approle")
        client.auth.approle.create_or_update_approle("ci", token_policies=["reader"])
        yield server


def vaults(bao: openbao.OpenBao, token: str = openbao.TOKEN, **settings: str) -> Vaults:
    vault = Vault(name="company", address=bao.address, token_variable="T", **settings)
    return Vaults({"company": vault}, {"T": token})


def limited(bao: openbao.OpenBao) -> str:
    made = bao.client().auth.token.create(policies=["reader"])
    return str(made["auth"]["client_token"])


def test_a_field_of_a_secret_is_read(bao: openbao.OpenBao) -> None:
    assert vaults(bao).read("company", "several", "password") == "p1"


def test_without_a_field_the_only_one_or_the_value_is_meant(bao: openbao.OpenBao) -> None:
    assert vaults(bao).read("company", "one") == "tip-top"
    assert vaults(bao).read("company", "/team/db/main/") == "v1"


def test_a_secret_of_several_fields_names_them(bao: openbao.OpenBao) -> None:
    with pytest.raises(errors.VaultSecretNotFound, match="`field`: `password`, `user`") as caught:
        vaults(bao).read("company", "several")
    assert "p1" not in str(caught.value)
    with pytest.raises(errors.VaultSecretNotFound, match=r"no field `x`.*`password`, `user`"):
        vaults(bao).read("company", "several", "x")


def test_a_value_that_is_no_text_is_given_as_json(bao: openbao.OpenBao) -> None:
    read = vaults(bao).read

    assert read("company", "typed", "number") == "5"
    assert read("company", "typed", "nested") == '{"a": [1, true]}'
    with pytest.raises(errors.SecretInvalid, match="NUL"):
        read("company", "typed", "nul")


def test_a_value_is_not_shown_by_repr(bao: openbao.OpenBao) -> None:
    assert "tip-top" not in repr(vaults(bao).read("company", "one"))


def test_a_secret_is_asked_for_once(bao: openbao.OpenBao) -> None:
    bao.put("changing", a="1", b="2")
    company = vaults(bao)
    assert company.read("company", "changing", "a") == "1"

    bao.put("changing", a="3", b="4")

    assert company.read("company", "changing", "b") == "2"


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("nope", "none at `secret/nope`"),
        ("gone", "newest version is deleted"),
        ("secret/data/one", "leave out `secret/data/`.*`one`"),
        ("secret/one", "leave out `secret/`.*`one`"),
        ("", "no path"),
        ("a/../../b", "no path"),
        ("a//b", "no path"),
        ("a\nb", "no path"),
    ],
)
def test_a_missing_secret_says_why(bao: openbao.OpenBao, key: str, why: str) -> None:
    with pytest.raises(errors.VaultSecretNotFound, match=why):
        vaults(bao).read("company", key)


def test_an_engine_of_version_1_or_none_is_told(bao: openbao.OpenBao) -> None:
    with pytest.raises(errors.VaultInvalid, match=r"`old` is not version 2.*enable-versioning old"):
        vaults(bao, mount="old").read("company", "one")
    with pytest.raises(errors.VaultInvalid, match="nothing is mounted at `moon`"):
        vaults(bao, mount="moon").read("company", "one")
    with pytest.raises(errors.VaultInvalid, match="no namespace `moon`"):
        vaults(bao, namespace="moon").read("company", "one")


def test_a_token_that_may_not_read_gets_the_policy_it_needs(bao: openbao.OpenBao) -> None:
    company = vaults(bao, limited(bao))

    assert company.read("company", "one") == "tip-top"
    with pytest.raises(errors.VaultDenied, match='path "secret/data/several"'):
        company.read("company", "several", "user")


def test_a_token_that_is_wrong_or_revoked_is_told_and_not_shown(bao: openbao.OpenBao) -> None:
    token = limited(bao)
    bao.client().auth.token.revoke(token)

    for bad in (token, "s.not-a-token"):
        with pytest.raises(errors.VaultDenied, match="unknown, revoked or has expired") as caught:
            vaults(bao, bad).read("company", "one")
        assert bad not in str(caught.value)


@pytest.mark.parametrize("bad", ["two words", "a\nb", "caf\u00e9", "\x00"])
def test_what_cannot_be_a_token_is_not_sent_and_not_shown(bao: openbao.OpenBao, bad: str) -> None:
    with pytest.raises(errors.VaultDenied, match="no token") as caught:
        vaults(bao, bad).read("company", "one")
    assert bad not in str(caught.value)


def test_a_role_logs_in_with_its_secret(bao: openbao.OpenBao, tmp_path: Path) -> None:
    roles = bao.client().auth.approle
    role = roles.read_role_id("ci")["data"]["role_id"]
    file = tmp_path / "secret-id"
    file.write_text(roles.generate_secret_id("ci")["data"]["secret_id"] + "\n")
    file.chmod(0o600)
    settings = {"auth": "approle", "role_id": role, "secret_id_file": str(file)}

    assert vaults(bao, **settings).read("company", "one") == "tip-top"

    file.write_text("wrong")
    with pytest.raises(errors.VaultDenied, match="refuses the role"):
        vaults(bao, **settings).read("company", "one")
    file.chmod(0o644)
    with pytest.raises(errors.KeyExposed, match="chmod 600"):
        vaults(bao, **settings).read("company", "one")
    elsewhere = {"auth_mount": "x", "secret_id_file": "", "secret_id_variable": "T"}
    with pytest.raises(errors.VaultDenied, match="refuses the role"):
        vaults(bao, **settings | elsewhere).read("company", "one")


def test_a_vault_without_a_token_says_where_it_looked(bao: openbao.OpenBao, tmp_path: Path) -> None:
    with pytest.raises(errors.VaultDenied, match=r"variable T$"):
        vaults(bao, "").read("company", "one")
    with pytest.raises(errors.VaultDenied, match=r"variable T nor in the file .*none$"):
        vaults(bao, "", token_file=str(tmp_path / "none")).read("company", "one")


def test_the_environment_names_the_vault_that_the_settings_do_not(
    bao: openbao.OpenBao, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    named = {"VAULT_ADDR": bao.address}

    assert Vaults({}, named | {"VAULT_TOKEN": openbao.TOKEN}).read("any", "one") == "tip-top"

    file = tmp_path / ".vault-token"
    file.write_text(openbao.TOKEN)
    file.chmod(0o600)
    assert Vaults({}, named).read("any", "one") == "tip-top"


def test_a_vault_that_nothing_names_is_refused() -> None:
    known = {"company_vault": Vault(name="company_vault", address="http://127.0.0.1:1")}

    with pytest.raises(errors.VaultInvalid, match=r"did you mean `company_vault`.*VAULT_ADDR"):
        Vaults(known, {}).read("compny_vault", "one")


def test_a_vault_that_does_not_answer_is_told(bao: openbao.OpenBao) -> None:
    with ports.held() as port:
        nobody = f"http://127.0.0.1:{port}"
        for address, why in (
            (nobody, "connection refused"),
            (bao.address.replace("http:", "https:"), "wrong version number.*ca_cert"),
        ):
            known = {"company": Vault(name="company", address=address, token_variable="T")}
            with pytest.raises(errors.VaultUnavailable, match=f"(?s){address}.*{why}") as caught:
                Vaults(known, {"T": "tip-top-token"}).read("company", "one")
            assert "tip-top" not in str(caught.value)


def test_a_sealed_vault_is_told(tmp_path: Path) -> None:
    with openbao.running(tmp_path) as server:
        server.client().sys.seal()  # type: ignore[no-untyped-call]  # hvac's own

        with pytest.raises(errors.VaultUnavailable, match=r"sealed.*unseal it"):
            vaults(server).read("company", "one")


def test_the_settings_are_read(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    assert read_settings(file) == {}
    file.write_text(
        'cpu = 2\n[vaults.a]\naddress = "https://a"\ntoken_variable = "A"\n'
        '[vaults.b]\naddress = "http://b"\nauth = "approle"\nrole_id = "r"\nsecret_id_file = "f"\n'
    )

    assert read_settings(file) == {
        "a": Vault(name="a", address="https://a", token_variable="A"),
        "b": Vault(name="b", address="http://b", auth="approle", role_id="r", secret_id_file="f"),
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[vaults.a]", "`a`.*`address` is missing"),
        ('[vaults.a]\naddress = "x"', "https://"),
        ('[vaults.a]\nadress = "https://x"', "did you mean `address`"),
        ('[vaults.a]\naddress = "https://x"\ntoken = "tip-top"', "mode 0600.*`token_file`"),
        ('[vaults.a]\naddress = "https://x"\nsecret_id = "tip-top"', "`secret_id_file`"),
        ('[vaults.a]\naddress = "https://x"\nauth = "ldap"', "`token` or `approle`"),
        ('[vaults.a]\naddress = "https://x"\nauth = "approle"', "`role_id` is missing"),
        ("[vaults.a]\naddress = 5", "a text"),
        ("[vaults]\na = 5", "table"),
        ("vaults = 5", "table of tables"),
        ("[vaults", "not TOML"),
    ],
)
def test_wrong_settings_are_refused(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)

    with pytest.raises(errors.VaultInvalid, match=why) as caught:
        read_settings(file)
    assert str(file) in str(caught.value)
    assert "tip-top" not in str(caught.value)


def test_without_the_package_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hvac", None)
    known = {"company": Vault(name="company", address="http://127.0.0.1:1")}

    with pytest.raises(errors.ExtraMissing, match=r"ame-tasks\[vault\]"):
        Vaults(known, {}).read("company", "one")
