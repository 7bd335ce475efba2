"""What the server keeps of its fleet, as rows. Every function is part of somebody's transaction."""

from ame.server.ledger import assignments, changes, populations, rounds, sessions, tasks

__all__ = ["assignments", "changes", "populations", "rounds", "sessions", "tasks"]
