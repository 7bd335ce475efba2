"""Queues, and their forms: `memory`, and `amqp` for RabbitMQ."""

from ame.broker.queues.queues import Consumer, Delivery, Depth, Queues, Sender

__all__ = ["Consumer", "Delivery", "Depth", "Queues", "Sender"]
