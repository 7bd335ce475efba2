"""Calls of devices and operators: who may make them, who answers them, over HTTP."""
