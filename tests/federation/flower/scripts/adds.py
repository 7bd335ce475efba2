"""Adds one in each round, tells of it, and does what its arguments say in a round of theirs."""

import os
import signal
import sys

from ame.federation import client as flare
from ame.federation.model import FLModel

ends = dict(word.split("=") for word in sys.argv[1:])

flare.init()
name = flare.get_site_name()
rounds = 0
while flare.is_running():
    model = flare.receive()
    if model is None:
        break
    at = model.current_round or 0
    if ends.get(name) == f"raises@{at}":
        raise RuntimeError(f"{name} has had enough")
    if ends.get(name) == f"dies@{at}":
        os.kill(os.getppid(), signal.SIGKILL)
    rounds += 1
    print(f"{name} in process {os.getpid()} does its round {rounds}", flush=True)
    flare.log("seen", float(rounds), flare.AnalyticsDataType.SCALAR, global_step=at)
    params = {key: value + 1 for key, value in model.params.items()}
    flare.send(FLModel(params=params, metrics={"rounds": rounds}))
print(f"{name} is done", flush=True)
