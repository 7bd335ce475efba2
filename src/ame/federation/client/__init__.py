"""The client API: how a training script talks to its site.

from ame.federation import client as flare

flare.init()
while flare.is_running():
    model = flare.receive()
    ...
    flare.send(flare.FLModel(params=..., metrics=...))
"""

from ame.federation.client.api import (
    clear,
    get_config,
    get_job_id,
    get_site_name,
    get_task_name,
    init,
    is_evaluate,
    is_running,
    is_submit_model,
    is_train,
    log,
    receive,
    send,
    shutdown,
    swap,
    system_info,
)
from ame.federation.client.channel import Channel, Exchange, Received, SystemInfo
from ame.federation.client.decorators import evaluate, train
from ame.federation.client.memory import MemoryChannel
from ame.federation.client.record import Record
from ame.federation.client.session import Session
from ame.federation.model import ExchangeFormat, FLModel, ParamsType, TransferType
from ame.federation.spec.analytics import AnalyticsDataType

__all__ = [
    "AnalyticsDataType",
    "Channel",
    "Exchange",
    "ExchangeFormat",
    "FLModel",
    "MemoryChannel",
    "ParamsType",
    "Received",
    "Record",
    "Session",
    "SystemInfo",
    "TransferType",
    "clear",
    "evaluate",
    "get_config",
    "get_job_id",
    "get_site_name",
    "get_task_name",
    "init",
    "is_evaluate",
    "is_running",
    "is_submit_model",
    "is_train",
    "log",
    "receive",
    "send",
    "shutdown",
    "swap",
    "system_info",
    "train",
]
