"""The same with Keras: `ame fed run keras_job.py`."""

from data import SITES
from keras_net import Net

from ame.federation import FedAvg, FedJob, FrameworkType, ScriptRunner, TFModel

if __name__ == "__main__":
    job = FedJob(name="digits-keras", min_clients=SITES)
    job.to_server(FedAvg(num_clients=SITES, num_rounds=10))
    job.to_server(TFModel(Net()))
    job.to_clients(ScriptRunner(script="keras_client.py", framework=FrameworkType.TENSORFLOW))
    job.simulator_run("workspace-keras", n_clients=SITES)
