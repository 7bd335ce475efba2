"""The names by which existing services and clients reach one another through RabbitMQ."""

from microservice_interconnect.base_service import BaseService
from microservice_interconnect.rpc_client import (
    RpcClient,
    publish_event,
    register_event,
    rpc_send,
)

__all__ = ["BaseService", "RpcClient", "publish_event", "register_event", "rpc_send"]
