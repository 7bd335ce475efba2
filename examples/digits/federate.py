"""Trains one linear model over ten sites, each of which has mostly a few of the digits."""

import sys
from pathlib import Path

import joblib
import numpy as np
from safetensors.numpy import load_file
from sklearn.linear_model import LogisticRegression

from ame.federation import FedAvg, FedJob, FrameworkType, NPModelPersistor, ScriptRunner

SITES = 10

if __name__ == "__main__":
    job = FedJob(name="federate", min_clients=SITES)
    job.to_server(FedAvg(num_clients=SITES, num_rounds=15))
    zero = {"coef": np.zeros((10, 64)), "intercept": np.zeros(10)}
    job.to_server(NPModelPersistor(model=zero), id="persistor")
    data = Path("data/digits.npz").absolute()
    job.to_clients(ScriptRunner("client.py", str(data), framework=FrameworkType.NUMPY))
    code = job.simulator_run("federated", n_clients=SITES)
    if code:
        sys.exit(code)

    model = LogisticRegression()
    model.classes_ = np.arange(10)
    trained = load_file(job.result.models["last"])
    model.coef_, model.intercept_ = trained["coef"], trained["intercept"]
    Path("models").mkdir(exist_ok=True)
    joblib.dump(model, "models/federated.joblib")
