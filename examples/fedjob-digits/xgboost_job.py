"""The same with trees of XGBoost: `ame fed run xgboost_job.py`."""

import numpy as np
from data import SITES
from trees import TreeBagging

from ame.federation import FedJob, FrameworkType, NPModelPersistor, ScriptRunner

if __name__ == "__main__":
    job = FedJob(name="digits-xgboost", min_clients=SITES)
    job.to_server(TreeBagging(num_rounds=10))
    nothing = {"model": np.zeros(0, np.uint8)}
    job.to_server(NPModelPersistor(model=nothing), id="persistor")
    job.to_clients(ScriptRunner(script="xgboost_client.py", framework=FrameworkType.NUMPY))
    job.simulator_run("workspace-xgboost", n_clients=SITES)
