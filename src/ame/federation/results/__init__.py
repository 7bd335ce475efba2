"""What comes of a federated job: recorded, shown while it goes, drawn at its end."""

from ame.federation.results.lead import Result, Wish, Work, lead

__all__ = ["Result", "Wish", "Work", "lead"]
