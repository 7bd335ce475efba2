"""What the arguments of a task ask for whose code is a Flower app."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, Self

from ame import errors

if TYPE_CHECKING:
    from collections.abc import Sequence


RUN: Final = "AME_RUN"
PORT: Final = "AME_TASK_PORT"
HOME: Final = "AME_HOME"
"""The variable with the state folder: there, environments of packages are kept."""
TLS: Final = "AME_SUPERLINK_TLS"
"""The variable with the folder of the files by which its SuperLink speaks TLS."""
RESULTS: Final = "federated"
ADMITTED: Final = "flower/admitted"
"""In the workspace: the public keys of the SuperNodes that may come."""


def workspace(work: Path, run: str) -> Path:
    """Where a run of an app keeps what comes of it, below the folder that it works in."""
    return (work / RESULTS / run).absolute()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Where an app is to run, and with which settings."""

    here: int | tuple[str, ...] | None = None
    """For how many sites, or which, a SuperNode is started on the server's machine; None: as many
    as the app says, where no others are waited for."""
    others: int = 0
    """How many SuperNodes of other machines are waited for."""
    superlink: str | None = None
    """Where a SuperLink is; None: one is started."""
    root_certificates: Path | None = None
    """By which that one's certificate is checked."""
    insecure: bool = False
    """Whether other machines may speak to the SuperLink without TLS."""
    known_nodes: bool = False
    """Whether that one lets in only SuperNodes that were admitted."""
    settings: tuple[str, ...] = ()

    @classmethod
    def read(cls, arguments: Sequence[str]) -> Self:
        """The same of an argument list.

        Raises:
            errors.CloudTaskInvalid: it cannot be like that.
        """
        given = _parser().parse_intermixed_args(list(arguments))
        if given.superlink and given.sites:
            _refuse("--sites are started beside a SuperLink of the server's own; leave one out")
        return cls(
            here=_sites(given.sites),
            others=given.await_,
            superlink=given.superlink,
            root_certificates=given.root_certificates,
            insecure=given.insecure,
            known_nodes=given.known_nodes,
            settings=tuple(given.settings),
        )

    @property
    def joined(self) -> bool:
        """Whether sites of other machines are to join."""
        return self.others > 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        _refuse(message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="app", add_help=False, allow_abbrev=False)
    parser.add_argument("--sites", default="")
    parser.add_argument("--await", dest="await_", type=int, default=0, metavar="NUMBER")
    parser.add_argument("--superlink", metavar="HOST:PORT")
    parser.add_argument("--root-certificates", type=Path, metavar="FILE")
    parser.add_argument("--known-nodes", action="store_true")
    parser.add_argument("--insecure", action="store_true")
    parser.add_argument("settings", nargs="*", metavar="NAME=VALUE")
    return parser


def _refuse(why: str) -> NoReturn:
    raise errors.CloudTaskInvalid("server_arguments", f"of a Flower app: {why}")


def _sites(said: str) -> int | tuple[str, ...] | None:
    if not said:
        return None
    return int(said) if said.isdecimal() else tuple(filter(None, said.split(",")))
