"""What devices run: the client's half of a plan."""

from ame.builder.client.client import Client, build
from ame.builder.client.external import register

__all__ = ["Client", "build", "register"]
