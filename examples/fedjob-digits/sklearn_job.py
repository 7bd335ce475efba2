"""The same with a linear model of scikit-learn: `ame fed run sklearn_job.py`."""

import numpy as np
from data import SITES

from ame.federation import FedAvg, FedJob, FrameworkType, NPModelPersistor, ScriptRunner

if __name__ == "__main__":
    job = FedJob(name="digits-sklearn", min_clients=SITES)
    job.to_server(FedAvg(num_clients=SITES, num_rounds=10))
    zero = {"coef": np.zeros((10, 64), "float32"), "intercept": np.zeros(10, "float32")}
    job.to_server(NPModelPersistor(model=zero), id="persistor")
    job.to_clients(ScriptRunner(script="sklearn_client.py", framework=FrameworkType.NUMPY))
    job.simulator_run("workspace-sklearn", n_clients=SITES)
