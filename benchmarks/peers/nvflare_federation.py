"""No-op FedAvg in NVFLARE's simulator. Usage: nvflare_federation.py SITES SIZE ROUNDS FOLDER

Prints when each round was done, in seconds since this program began.
"""

import time

BEGAN = time.time()

import json  # noqa: E402 (the imports are part of what is timed)
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from nvflare.app_common.workflows.fedavg import FedAvg  # noqa: E402
from nvflare.job_config.api import FedJob  # noqa: E402
from nvflare.job_config.script_runner import FrameworkType, ScriptRunner  # noqa: E402

SCRIPT = """
import nvflare.client as flare
flare.init()
while flare.is_running():
    model = flare.receive()
    flare.send(flare.FLModel(params=model.params))
"""
KEEPS = """
import time
import numpy as np
from nvflare.app_common.abstract.model import make_model_learnable
from nvflare.app_common.abstract.model_persistor import ModelPersistor

class Keeps(ModelPersistor):
    def __init__(self, size, times):
        super().__init__()
        self.size = size
        self.times = times

    def load_model(self, fl_ctx):
        return make_model_learnable({"w": np.linspace(-1, 1, self.size, dtype=np.float32)}, {})

    def save_model(self, model, fl_ctx):
        with open(self.times, "a") as file:
            print(time.time(), file=file)
"""

sites, size, rounds = map(int, sys.argv[1:4])
folder = Path(sys.argv[4])
(folder / "noop.py").write_text(SCRIPT)
(folder / "keeps.py").write_text(KEEPS)
sys.path.insert(0, str(folder))
times = folder / "times.txt"

from keeps import Keeps  # type: ignore[import-not-found]  # noqa: E402 (written above)

job = FedJob(name="noop", min_clients=sites)
job.to_server(FedAvg(num_clients=sites, num_rounds=rounds))
job.to_server(Keeps(size, str(times)), id="persistor")
script = str(folder / "noop.py")
job.to_clients(ScriptRunner(script=script, framework=FrameworkType.NUMPY))
job.simulator_run(str(folder / "workspace"), n_clients=sites)
print(json.dumps([float(line) - BEGAN for line in times.read_text().split()]))
