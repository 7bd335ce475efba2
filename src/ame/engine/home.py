"""The state folder: everything that ame keeps on this machine, opened once."""

import os
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import ame
from ame import process, project, runs
from ame.engine import machine
from ame.engine.environments import Environments
from ame.engine.settings import Settings
from ame.engine.steps import variables
from ame.engine.workspace import tree
from ame.runs.datasets import Datasets
from ame.runs.leases import Capacity, Leases
from ame.storage import blobs, projects, sqlite
from ame.storage.sqlite import leases

if TYPE_CHECKING:
    from ame.engine.backends.containers import Engine
    from ame.storage.secrets.vault import Vaults


class Home:
    """The parts of one state folder; each is opened when it is first used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the use of what was opened. Idempotent."""
        for part in ("store", "leases", "environments"):
            opened = self.__dict__.pop(part, None)
            if opened is not None:
                opened.close()

    @cached_property
    def settings(self) -> Settings:
        """What `settings.toml` says."""
        return Settings.read(self.folder)

    @cached_property
    def store(self) -> sqlite.Database:
        """All runs."""
        return sqlite.Database(self.folder / "runs.db")

    @cached_property
    def blobs(self) -> runs.Blobs:
        """Contents of files, by digest."""
        return blobs.Folder(self.folder / "blobs")

    @cached_property
    def leases(self) -> Leases:
        """Who holds which of the machine's resources."""
        return leases.Database(self.folder / "leases.db", self.capacity, alive=_alive)

    @cached_property
    def capacity(self) -> Capacity:
        """What this machine has to give."""
        return machine.capacity(self.settings, self.folder)

    @cached_property
    def projects(self) -> project.Projects:
        """The projects that were registered."""
        return projects.RegisteredProjects(self.folder)

    @cached_property
    def secrets(self) -> runs.Secrets:
        """Ame's own store of secrets."""
        from ame.storage.secrets import EncryptedSecrets

        return EncryptedSecrets(self.folder)

    @cached_property
    def vaults(self) -> "Vaults":
        """Vaults by name, as the settings and the environment tell of them."""
        from ame.storage.secrets.vault import Vaults

        return Vaults.of(self.folder, os.environ)

    @cached_property
    def datasets(self) -> Datasets:
        """The data sets that have been made."""
        return self.store.datasets

    @cached_property
    def environments(self) -> Environments:
        """Cached Python environments."""
        return Environments(
            self.folder / "environments",
            environ=os.environ,
            downloads=self.settings.python_downloads,
            site=self.site,
            store=variables.own_store(self.settings, self.folder),
        )

    @cached_property
    def site(self) -> Path:
        """A folder with the module that steps may import; Python environments know it."""
        site = self.folder / "site"
        _offer(site)
        return site

    @cached_property
    def containers(self) -> "Engine":
        """The container engine that answers.

        Raises:
            errors.ContainerEngineMissing: none does.
        """
        from ame.engine.backends.containers import Engine

        return Engine.find(
            os.environ,
            wanted=self.settings.container_engine,
            pull=self.settings.container_pull,
            network=self.settings.container_network,
        )

    def read_tree(self, digest: str) -> dict[str, tree.File]:
        """A tree that was kept as a blob."""
        with self.blobs.open(digest) as content:
            return tree.decode(content.read())

    def kept(self, digest: str) -> dict[str, tree.File] | None:
        """A tree that was kept as a blob, if all its content is kept too."""
        if not digest or not self.blobs.contains(digest):
            return None
        files = self.read_tree(digest)
        wanted = [
            runs.Entry(path=path, digest=file.digest, size=file.size)
            for path, file in files.items()
            if file.digest
        ]
        return files if len(self.blobs.renew(wanted)) == len(wanted) else None


def _alive(holder: str) -> bool:
    """Whether the process that holds a lease still is."""
    return process.alive(process.Identity.parse(holder))


def _offer(site: Path) -> None:
    """Puts what steps may import into a folder that their environments know.

    `import ame` gives them its first module, which needs nothing; all else of this very ame, such
    as `ame.federation`, is found through it where a step's environment has what that needs. Where
    another ame is installed in the environment, that is found before.
    """
    target = site / "ame" / "__init__.py"
    source = Path(ame.__file__)
    wanted = f"{source.read_text()}\n\n{_BESIDE.format(package=str(source.parent))}"
    if target.exists() and target.read_text() == wanted:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{os.getpid()}")
    fresh.write_text(wanted)
    fresh.replace(target)


_BESIDE = """\
__path__ = [*__import__("pkgutil").extend_path(__path__, __name__), {package!r}]
"""
