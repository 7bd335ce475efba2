"""pika's connection, which sends a message at once."""

from collections.abc import Sequence

from pika.adapters.asyncio_connection import AsyncioConnection


class Wire(AsyncioConnection):
    """A message is three frames, and pika makes a system call of each; here they are joined."""

    def _output_marshaled_frames(self, marshaled_frames: Sequence[bytes]) -> None:
        super()._output_marshaled_frames([b"".join(marshaled_frames)])
