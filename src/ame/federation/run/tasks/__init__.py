"""Tasks of a server's controllers, from their giving to their end."""

from ame.federation.run.tasks.tasks import Tasks

__all__ = ["Tasks"]
