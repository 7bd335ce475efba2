"""Client information files: what a site registers of itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ame import errors
from ame.daemon import paths
from ame.daemon.schemas import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(slots=True, kw_only=True)
class Info:
    """The file `client_info/ID_info.json` of a site. Others may write it while the site goes."""

    work: Path
    id: str
    _sent: dict[str, Any] | None = field(default=None)

    @property
    def path(self) -> Path:
        """Where it is."""
        if not paths.names_client(self.id):
            raise errors.SiteConfigInvalid("user_id", f"{self.id[:100]!r} is no name of a client")
        return self.work / "client_info" / f"{self.id}_info.json"

    def write(self, attributes: Mapping[str, Any]) -> None:
        """Makes the file, or changes these attributes in it.

        Raises:
            errors.SiteConfigInvalid: an attribute is not what it has to be.
        """
        before = self.read() if self.path.exists() else {}
        said = {"user_id": self.id, **before, **attributes}
        _check(self.path.name, said)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(f".{self.path.name}")
        fresh.write_text(json.dumps(said))
        fresh.replace(self.path)

    def read(self) -> dict[str, Any]:
        """What it says, but for what is none.

        Raises:
            errors.SiteConfigInvalid: it is not there, or does not say what it has to.
        """
        try:
            said = json.loads(self.path.read_text())
        except (OSError, ValueError) as error:
            raise errors.SiteConfigInvalid(self.path.name, str(error)) from None
        if not isinstance(said, dict):
            raise errors.SiteConfigInvalid(self.path.name, "is no JSON object")
        kept = {name: value for name, value in said.items() if value is not None}
        kept["user_id"] = self.id
        _check(self.path.name, kept)
        return kept

    def changed(self) -> dict[str, Any] | None:
        """What it says, if that was not sent yet. Raises as `read`."""
        said = self.read()
        return None if said == self._sent else said

    def sent(self, said: dict[str, Any] | None) -> None:
        """This was sent; with None, all is to be sent again."""
        self._sent = said


def _check(name: str, said: Mapping[str, Any]) -> None:
    from jsonschema import Draft7Validator
    from jsonschema.exceptions import best_match

    known = {key: value for key, value in said.items() if value is not None}
    wrong = best_match(Draft7Validator(SCHEMAS["rpc_exec_update_user_info"]).iter_errors(known))
    if wrong is not None:
        where = ".".join(["client", *map(str, wrong.path)])
        raise errors.SiteConfigInvalid(name, f"{where}: {wrong.message}")
