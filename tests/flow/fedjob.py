"""A small federated job: four sites fit a line with NumPy."""

CLIENT = """
import os, signal, sys, time
import numpy as np
import ame.federation.client as flare

flare.init()
site = flare.get_site_name()
print("hello from", site)
while flare.is_running():
    received = flare.receive()
    number = received.current_round
    deed = sys.argv[1] if len(sys.argv) > 1 and site == "site-2" and number == 1 else ""
    if deed == "raise":
        raise ValueError("no data")
    if deed == "exit":
        sys.exit(3)
    if deed == "mute":
        break
    if deed == "shape":
        received.params["numpy_key"] = np.zeros(3)
    if deed == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if deed == "nan":
        received.params["numpy_key"][:] = np.nan
    if deed == "wait":
        open("waiting", "w").close()
        time.sleep(600)
    params = {"numpy_key": received.params["numpy_key"] + 1}
    flare.send(flare.FLModel(params=params, metrics={"loss": 1 / (1 + number)}))
"""

JOB = """
import sys
import numpy as np
from ame.federation import FedAvg, FedJob, FrameworkType, ScriptRunner
from ame.federation.components.persistors.numpy_files import NPModelPersistor

class Hurried(FedAvg):
    def send_model(self, *args, **more):
        return super().send_model(*args, **{**more, "timeout": 2})

if __name__ == "__main__":
    least = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    job = FedJob(name="line", min_clients=least)
    job.to_server(FedAvg(num_clients=4, num_rounds=3))
    job.to_server(NPModelPersistor(model=np.zeros(2)), id="persistor")
    arguments = " ".join(sys.argv[2:])
    job.to_clients(
        ScriptRunner("client.py", script_args=arguments, framework=FrameworkType.NUMPY)
    )
    print("returned", job.simulator_run("workspace", n_clients=4))
"""
FILES = {"client.py": CLIENT, "job.py": JOB}
