"""Executors as deeds: each makes what a task's command needs and yields the argv to start."""

from ame.engine.executors.prepare import prepare
from ame.engine.executors.ready import Bench, Ready

__all__ = ["Bench", "Ready", "prepare"]
