"""How calls travel: over HTTP, over gRPC, within one process."""

from ame.protocol.wires.serving import Caller, Pending, Service

__all__ = ["Caller", "Pending", "Service"]
