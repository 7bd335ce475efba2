"""Secrets in Vault or OpenBao: version 2 of the key/value engine, over HTTP.

The settings say where a vault is and where its token is, never the token itself:

    [vaults.company_vault]
    address = "https://vault.example.com:8200"
    token_file = "~/.company-vault-token"

A vault that the settings do not name is the one of `VAULT_ADDR`, with the token of `VAULT_TOKEN`
or of `~/.vault-token`, as for the command `vault`.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ame import errors, runs
from ame.runs.secrets import check
from ame.storage.secrets import private

if TYPE_CHECKING:
    import hvac
    import hvac.exceptions

_TIMEOUT = 10
"""Seconds that a vault has to answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """Where a vault is and how to log in to it."""

    name: str
    address: str
    mount: str = "secret"
    """Where its key/value engine is mounted."""
    auth: str = "token"
    """`token` or `approle`."""
    token_variable: str = ""
    """The environment variable that holds the token."""
    token_file: str = ""
    """The file, of mode 0600, that holds it."""
    role_id: str = ""
    secret_id_variable: str = ""
    secret_id_file: str = ""
    auth_mount: str = "approle"
    """Where the login by role is mounted."""
    namespace: str = ""
    ca_cert: str = ""
    """A file of the certificates to trust; by default those of the system."""


class Vaults:
    """The vaults that tasks may name. Each secret and each login is asked for once."""

    def __init__(self, known: Mapping[str, Vault], environment: Mapping[str, str]) -> None:
        self._known = known
        self._environment = environment
        self._clients: dict[str, hvac.Client] = {}
        self._read: dict[tuple[str, str], Mapping[str, object]] = {}

    @classmethod
    def of(cls, home: Path, environment: Mapping[str, str]) -> Self:
        """Those that `settings.toml` in the state folder `home` and the environment name.

        Raises:
            errors.VaultInvalid: a setting of a vault is wrong, or would hold a secret.

        """
        return cls(read_settings(home / "settings.toml"), environment)

    def read(self, vault: str, key: str, field: str = "") -> runs.Secret:
        """The field of the secret at the path `key`; without `field`, the only one or `value`.

        Raises:
            errors.VaultInvalid: there is no vault of that name.
            errors.VaultUnavailable: it does not answer, or is sealed.
            errors.VaultDenied: it refuses the login or the reading.
            errors.VaultSecretNotFound: it has no such secret, or the secret no such field.
            errors.SecretInvalid: no variable could hold the value.

        """
        place = self._find(vault)
        path = key.strip("/")
        if not path or {"", ".", ".."} & set(path.split("/")) or not path.isprintable():
            raise errors.VaultSecretNotFound(place.name, key, "this is no path of a secret")
        if (vault, path) not in self._read:
            self._read[vault, path] = self._ask(place, path)
        value = _field(place, path, self._read[vault, path], field)
        check(path, value)
        return runs.Secret(value)

    def _find(self, name: str) -> Vault:
        if name in self._known:
            return self._known[name]
        address = self._environment.get("VAULT_ADDR")
        if not address:
            near = get_close_matches(name, self._known, n=1)
            hint = f"did you mean `{near[0]}`? If not, " if near else ""
            raise errors.VaultInvalid(
                name,
                f"it is not in the settings: {hint}add `[vaults.{name}]` with its `address` "
                "to settings.toml, or set VAULT_ADDR",
            )
        return Vault(
            name=name,
            address=address,
            token_variable="VAULT_TOKEN",  # noqa: S106  # the name of a variable
            token_file="~/.vault-token",  # noqa: S106  # the name of a file
            namespace=self._environment.get("VAULT_NAMESPACE", ""),
            ca_cert=self._environment.get("VAULT_CACERT", ""),
        )

    def _ask(self, place: Vault, path: str) -> Mapping[str, object]:
        try:
            import hvac.exceptions
            import requests
        except ImportError:
            raise errors.ExtraMissing("vault", f"vault `{place.name}`") from None
        try:
            client = self._client(place)
            answer = client.secrets.kv.v2.read_secret_version(
                path=path, mount_point=place.mount, raise_on_deleted_version=True
            )
        except hvac.exceptions.VaultError as error:
            raise _refused(self._clients.get(place.name), place, path, error) from None
        except requests.exceptions.SSLError as error:
            raise _unavailable(
                place, f"TLS fails ({_reason(error)}): see `address`, and trust it with `ca_cert`"
            ) from None
        except (requests.ConnectionError, requests.Timeout) as error:
            raise _unavailable(
                place, f"it does not answer ({_reason(error)}): see that it runs and is reachable"
            ) from None
        except (requests.RequestException, OSError) as error:
            raise _unavailable(
                place, f"it cannot be asked ({type(error).__name__}): see `address` and `ca_cert`"
            ) from None
        found = answer["data"]["data"] if isinstance(answer, dict) else None
        if not isinstance(found, dict):
            raise _unavailable(place, "its answer is not that of a vault: see `address`")
        return found

    def _client(self, place: Vault) -> "hvac.Client":
        """A client that is logged in."""
        if place.name in self._clients:
            return self._clients[place.name]
        import hvac.exceptions

        token = "" if place.auth == "approle" else self._token(place)
        ca_cert = str(Path(place.ca_cert).expanduser()) if place.ca_cert else None
        client = hvac.Client(
            url=place.address,
            token=token,
            verify=ca_cert,
            timeout=_TIMEOUT,
            namespace=place.namespace or None,
        )
        if place.auth == "approle":
            words = "`secret_id_variable` or `secret_id_file`"
            secret = self._written(place, place.secret_id_variable, place.secret_id_file, words)
            try:
                client.auth.approle.login(place.role_id, secret, mount_point=place.auth_mount)
            except (
                hvac.exceptions.InvalidRequest,
                hvac.exceptions.Forbidden,
                hvac.exceptions.InvalidPath,
            ) as error:
                raise errors.VaultDenied(
                    place.name,
                    f"it refuses the role ({_text(error)}): see that `role_id`, `auth_mount` and "
                    "the secret ID are right, and that the secret ID has not expired",
                ) from None
        self._clients[place.name] = client
        return client

    def _token(self, place: Vault) -> str:
        words = "`token_variable` or `token_file`"
        return self._written(place, place.token_variable, place.token_file, words)

    def _written(self, place: Vault, variable: str, file: str, words: str) -> str:
        """What the variable, else the file holds."""
        text = self._environment.get(variable, "") if variable else ""
        if not text and file:
            path = Path(file).expanduser()
            try:
                text = private.read(path).decode()
            except FileNotFoundError:
                text = ""
            except (OSError, UnicodeDecodeError) as error:
                raise errors.VaultDenied(
                    place.name, f"{path} cannot be read ({type(error).__name__})"
                ) from None
        text = text.strip()
        if not text:
            places = [f"the variable {variable}"] * bool(variable) + [f"the file {file}"] * bool(
                file
            )
            where = " nor in ".join(places) or f"a place: give {words} in the settings"
            raise errors.VaultDenied(place.name, f"there is nothing to log in with in {where}")
        if not (text.isascii() and text.isprintable() and " " not in text):
            raise errors.VaultDenied(
                place.name, f"what is in {variable or file} is no token: it holds other characters"
            )
        return text


def read_settings(file: Path) -> dict[str, Vault]:
    """The vaults of a settings file, by name; none where there is no file.

    Raises:
        errors.VaultInvalid: a key is unknown, missing, of the wrong type, or would hold a secret.

    """
    try:
        written = tomllib.loads(file.read_text()).get("vaults", {})
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise errors.VaultInvalid("", f"{file} is not TOML: {error}") from None
    if not isinstance(written, dict):
        raise errors.VaultInvalid("", f"{file}: `vaults` is a table of tables, `[vaults.NAME]`")
    return {name: _vault(f"{file}: ", name, each) for name, each in written.items()}


def _vault(where: str, name: str, written: object) -> Vault:
    def invalid(why: str) -> errors.VaultInvalid:
        return errors.VaultInvalid(name, where + why)

    if not isinstance(written, dict):
        raise invalid(f"it is written as a table, `[vaults.{name}]`")
    known = [each.name for each in fields(Vault) if each.name != "name"]
    for key, value in written.items():
        if key in {"token", "secret_id"}:
            raise invalid(
                f"`{key}` does not belong in the settings: put it in a file of mode 0600 and name "
                f"that in `{key}_file`, or name a variable in `{key}_variable`"
            )
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(known)}"
            raise invalid(f"unknown key `{key}`; {hint}")
        if not isinstance(value, str) or not value:
            raise invalid(f"`{key}` is a text that is not empty")
    needed = [e.name for e in fields(Vault) if e.default is MISSING and e.name != "name"]
    if written.get("auth", "token") not in {"token", "approle"}:
        raise invalid("`auth` is `token` or `approle`")
    if written.get("auth") == "approle":
        needed.append("role_id")
    for key in needed:
        if key not in written:
            raise invalid(f"`{key}` is missing")
    if not written["address"].startswith(("https://", "http://")):
        raise invalid("`address` begins with https:// or http://")
    return Vault(name=name, **written)


def _field(place: Vault, path: str, found: Mapping[str, object], field: str) -> str:
    names = ", ".join(f"`{name}`" for name in sorted(found)) or "none"
    if field and field not in found:
        raise errors.VaultSecretNotFound(
            place.name, path, f"it has no field `{field}`; its fields are {names}"
        )
    if not field and len(found) != 1 and "value" not in found:
        raise errors.VaultSecretNotFound(
            place.name, path, f"it has several fields; name one in `field`: {names}"
        )
    value = found[field or ("value" if "value" in found else next(iter(found)))]
    return value if isinstance(value, str) else json.dumps(value)


def _refused(
    client: "hvac.Client | None", place: Vault, path: str, error: "hvac.exceptions.VaultError"
) -> errors.Error:
    """What an answer that is no success means, and what to do."""
    import hvac.exceptions

    match error:
        case hvac.exceptions.VaultDown():
            return _unavailable(place, f"it cannot serve ({_text(error)}): unseal it")
        case hvac.exceptions.InvalidPath():
            return _absent(client, place, path, error)
        case hvac.exceptions.Forbidden() | hvac.exceptions.Unauthorized():
            return _denied(client, place, path)
        case hvac.exceptions.InvalidRequest():
            return errors.VaultDenied(place.name, f"it refuses the request: {_text(error)}")
        case _:
            return _unavailable(place, f"it fails: {_text(error) or type(error).__name__}")


def _denied(client: "hvac.Client | None", place: Vault, path: str) -> errors.Error:
    import hvac.exceptions

    try:
        if client:
            client.auth.token.lookup_self()
    except hvac.exceptions.Forbidden:
        return errors.VaultDenied(
            place.name, "the token is unknown, revoked or has expired: log in anew"
        )
    return errors.VaultDenied(
        place.name,
        f"the token may not read `{place.mount}/{path}`: it needs a policy with "
        f'`path "{place.mount}/data/{path}" {{ capabilities = ["read"] }}`',
    )


def _absent(
    client: "hvac.Client | None", place: Vault, path: str, error: "hvac.exceptions.VaultError"
) -> errors.Error:
    import hvac.exceptions

    text = _text(error)
    if "namespace" in text:
        return errors.VaultInvalid(place.name, f"it has no namespace `{place.namespace}`")
    if "no handler for route" in text:
        return errors.VaultInvalid(
            place.name, f"nothing is mounted at `{place.mount}`: set `mount` to its engine's path"
        )
    try:
        mount = client.read(f"sys/internal/ui/mounts/{place.mount}") if client else None
        engine = mount["data"] if isinstance(mount, dict) else {}
    except hvac.exceptions.VaultError:
        engine = {}
    if engine and (engine.get("options") or {}).get("version") != "2":
        return errors.VaultInvalid(
            place.name,
            f"the engine at `{place.mount}` is not version 2 of key/value: run "
            f"`vault kv enable-versioning {place.mount}`, or set `mount` to one that is",
        )
    if isinstance(error.json, dict) and (error.json.get("data") or {}).get("metadata"):
        return errors.VaultSecretNotFound(place.name, path, "its newest version is deleted")
    for prefix in (f"{place.mount}/data/", f"{place.mount}/", "data/"):
        if path.startswith(prefix):
            why = f"there is none; leave out `{prefix}`, it is added: `{path.removeprefix(prefix)}`"
            return errors.VaultSecretNotFound(place.name, path, why)
    return errors.VaultSecretNotFound(
        place.name, path, f"there is none at `{place.mount}/{path}`: see `vault kv list`"
    )


def _unavailable(place: Vault, why: str) -> errors.VaultUnavailable:
    return errors.VaultUnavailable(place.name, place.address, why)


def _text(error: "hvac.exceptions.VaultError") -> str:
    """What the vault itself says, in one line."""
    said = error.errors or ()
    return " ".join(" ".join(map(str, [said] if isinstance(said, str) else said)).split())


def _reason(error: Exception) -> str:
    """The innermost cause, in a few words."""
    text = str(error)
    for word in ("certificate verify failed", "wrong version number", "Connection refused"):
        if word.lower() in text.lower():
            return word.lower()
    return "time is up" if "timed out" in text else type(error).__name__
