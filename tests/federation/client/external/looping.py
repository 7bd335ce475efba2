"""A script that answers round after round."""

LOOP = """
from ame.federation import client as flare

flare.init()
while flare.is_running():
    model = flare.receive()
    model.params["w"] += 1
    flare.send(flare.FLModel(params=model.params, metrics={"round": model.current_round}))
print("done", flush=True)
"""
