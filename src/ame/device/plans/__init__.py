"""Plans for devices, run: graphs and flatbuffers of TensorFlow, and queries without it."""

from ame.device.plans.plan import Plans, Task

__all__ = ["Plans", "Task"]
