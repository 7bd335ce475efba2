"""Plans and checkpoints as files: downloaded, decompressed, kept as long as the server allows.

Source: `Resource` in `common.proto`; `client_cache_id` names what is the same, `max_age` says for
how long.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hashlib
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ame import errors
from ame.protocol.pb import common

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ame.device.links.link import Link
    from ame.device.links.personal import Personal

MOST: Final = 512 << 20
"""Bytes that are kept; what was used longest ago goes first."""


class Resources:
    """A folder of what was downloaded. Devices of one process may share it, processes too."""

    def __init__(
        self, folder: Path, *, clock: Callable[[], float] = time.time, most: int = MOST
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._clock = clock
        self._most = most
        self._busy: dict[str, asyncio.Lock] = {}

    async def content(self, link: Link | Personal, resource: common.Resource) -> bytes:
        """What a resource is. Raises as `Link.ask` does."""
        if resource.WhichOneof("resource") == "inline_resource":
            return _plain(resource.inline_resource)
        path = await self.file(link, resource)
        return await asyncio.to_thread(path.read_bytes)

    async def file(self, link: Link | Personal, resource: common.Resource) -> Path:
        """A file that holds it, not to be changed. Raises as `Link.ask` does."""
        inline = resource.WhichOneof("resource") == "inline_resource"
        about = resource.client_cache_id or resource.uri
        if inline:
            content = _plain(resource.inline_resource)
            about = hashlib.sha256(content).hexdigest()
        elif not resource.uri:
            raise errors.RequestMalformed("a resource without an address")
        path = self._folder / hashlib.sha256(about.encode()).hexdigest()
        async with self._busy.setdefault(path.name, asyncio.Lock()):
            if not self._fresh(path):
                if not inline:
                    content = await link.download(resource.uri)
                age = resource.max_age.ToNanoseconds() / 1e9 if resource.client_cache_id else 0.0
                await asyncio.to_thread(self._keep, path, content, age)
        return path

    def _fresh(self, path: Path) -> bool:
        """Whether the file is there and may still be used; its time says until when."""
        try:
            return path.stat().st_mtime > self._clock()
        except FileNotFoundError:
            return False

    def _keep(self, path: Path, content: bytes, age: float) -> None:
        with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as new:
            new.write(content)
        until = self._clock() + age
        os.utime(new.name, (time.time(), until))
        Path(new.name).replace(path)
        self._tidy(path)

    def _tidy(self, newest: Path) -> None:
        """Removes what is of no use any more; never what was made within the last hour."""
        known = sorted(self._known())
        size = sum(each for _, each, _ in known)
        for at, bytes_, path in known:
            old = at < time.time() - 3600 and path != newest
            if old and (size > self._most or not self._fresh(path)):
                path.unlink(missing_ok=True)
                size -= bytes_

    def _known(self) -> Iterator[tuple[float, int, Path]]:
        """When each file was used last, its size, and where it is."""
        for path in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                found = path.stat()
                yield found.st_atime, found.st_size, path


def _plain(inline: common.Resource.InlineResource) -> bytes:
    data: bytes = inline.data
    if inline.compression_format != common.RESOURCE_COMPRESSION_FORMAT_GZIP:
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError) as error:
        raise errors.RequestMalformed(f"an inline resource that is no gzip: {error}") from None
