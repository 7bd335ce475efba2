"""Where models and configurations are, where artifacts go, and who keeps tasks."""

from ame.builder.places.files import Files
from ame.builder.places.servers import Server

__all__ = ["Files", "Server"]
