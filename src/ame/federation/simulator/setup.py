"""What a simulation's processes must know, and where its files lie."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ame.federation import build

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ame.federation.program import App, Program

JOB = "simulate_job"
"""The id of the job, and the name of its folders."""
_MARK = ".ame"
_URL = "simulator"
_GET_FLAGS, _SET_FLAGS = 0x80086601, 0x40086602
_TOP = 0x20000
"""Linux's `FS_IOC_GETFLAGS`, `FS_IOC_SETFLAGS` and `FS_TOPDIR_FL`, which Python does not name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What is the same for every worker."""

    program: Program
    workspace: str
    seed: int
    temporary: str
    """A folder that is removed when all is over."""
    path: tuple[str, ...]
    """Where modules are searched for, after the job's own code."""
    modules: tuple[str, ...] = ()
    """Installed modules that scripts import; they are imported once, before workers are made."""
    crowd: bool = False
    """Whether there are so many sites that those without a script share one world."""
    sites: tuple[str, ...] = ()
    """All of them, unless they are a crowd."""
    alone: bool = False
    """Whether these are no simulated sites: the job's server is elsewhere."""
    first: int = 0
    """The first round, in a run that is continued."""
    code: str = ""
    """The folder with the files that everyone has."""
    codes: Mapping[str, str] = field(default_factory=dict)
    """The folders of sites that have files of their own."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """From where the files in those folders were taken, by their paths there."""

    def code_of(self, site: str) -> str:
        """The folder with the files of a site."""
        return self.codes.get(site, self.code)


@dataclass(frozen=True, slots=True)
class Places:
    """Folders and files of one site in the workspace, as texts: paths are slow to make."""

    workspace: str
    site: str

    @property
    def folder(self) -> str:
        """Where its scripts work."""
        return f"{self.workspace}/{self.site}"

    @property
    def log(self) -> str:
        """What its scripts print."""
        return f"{self.workspace}/{self.site}/log.txt"

    @property
    def job(self) -> str:
        """What it has of the job."""
        return f"{self.workspace}/{self.site}/{JOB}"

    @property
    def app(self) -> str:
        """Its share of the job."""
        return f"{self.job}/app_{self.site}"

    @property
    def custom(self) -> str:
        """The job's code, as this site sees it: a link to what all with the same code share."""
        return f"{self.app}/custom"

    @property
    def config(self) -> str:
        """Files that the job keeps beside its configuration."""
        return f"{self.app}/config"

    def variables(self, app: App) -> dict[str, object]:
        """What `{NAME}` stands for in the arguments of its parts."""
        params = {
            name: value
            for name, value in app.params.items()
            if isinstance(value, bool | int | float | str)
        }
        folder = self.app
        return {
            **params,
            "SITE_NAME": self.site,
            "JOB_ID": JOB,
            "WORKSPACE": self.folder,
            "JOB_CUSTOM_DIR": f"{folder}/custom",
            "JOB_CONFIG_DIR": f"{folder}/config",
            "ROOT_URL": _URL,
            "CP_URL": _URL,
            "RELAY_URL": _URL,
            "SECURE_MODE": False,
        }


def spread(folder: Path) -> None:
    """Tells the disk, as `chattr +T` does, that the folders in this one are unrelated.

    ext4 then makes each in another part of the disk. In one part it would look again, for every new
    file, at each that was removed there in the last minutes: a thousand sites take ten times as
    long where many files have come and gone.
    """
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    flags = bytearray(8)
    try:
        with contextlib.suppress(OSError):
            fcntl.ioctl(opened, _GET_FLAGS, flags)
            wanted = int.from_bytes(flags, sys.byteorder) | _TOP
            fcntl.ioctl(opened, _SET_FLAGS, wanted.to_bytes(8, sys.byteorder))
    finally:
        os.close(opened)


def spent(workspace: Path | str) -> Path:
    """The file of what sites have spent of their privacy: `run.ledger.Ledger`."""
    return Path(workspace) / JOB / "spent"


def lay_out(program: Program, workspace: Path) -> tuple[str, dict[str, str]]:
    """Writes the files of a job; returns the folder for everyone, and those of sites."""
    everyone = _lay_out(program.everyone, workspace) if program.everyone else ""
    return everyone, {site: _lay_out(program.app(site), workspace) for site in program.sites}


def sources(program: Program, code: str, codes: Mapping[str, str]) -> dict[str, str]:
    """From where the files in the folders were taken."""
    apps = [(codes[site], program.app(site)) for site in codes]
    if program.everyone:
        apps.append((code, program.everyone))
    return {
        os.path.realpath(f"{folder}/{file.target}"): str(file.origin.absolute())
        for folder, app in apps
        for file in app.files
        if file.origin is not None
    }


def _lay_out(app: App, workspace: Path) -> str:
    """Apps with the same files share one folder."""
    known = hashlib.blake2b(digest_size=8)
    for file in sorted(app.files, key=lambda file: file.target):
        known.update(f"{file.target}\0".encode())
        known.update(hashlib.blake2b(file.read()).digest())
    folder = workspace / JOB / "code" / known.hexdigest()
    if not folder.is_dir():
        made = folder.with_suffix(".new")
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        build.lay_out(app.files, made)
        made.rename(folder)
    return str(folder)
