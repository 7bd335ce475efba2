"""Calls and events through queues: one protocol over RabbitMQ and over memory."""

from ame.broker.answers import Answers, MemoryAnswers
from ame.broker.caller import Caller
from ame.broker.message import Message
from ame.broker.opening import opened
from ame.broker.queues import Consumer, Delivery, Depth, Queues, Sender
from ame.broker.service import Service

__all__ = [
    "Answers",
    "Caller",
    "Consumer",
    "Delivery",
    "Depth",
    "MemoryAnswers",
    "Message",
    "Queues",
    "Sender",
    "Service",
    "opened",
]
