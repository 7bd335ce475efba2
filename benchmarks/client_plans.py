"""The client's half of a plan: how long it takes, and its size beside that of the plan which the
original task builder shipped for the same model and configuration.

TensorFlow's import is told apart. Times are of the CPU, of this process and its threads; the first
graph of a process also loads the converter.

Usage: python benchmarks/client_plans.py
"""

import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

from measure import table

SAMPLE = Path(__file__).parents[1] / "tests" / "builder" / "sample"
KINDS = {"client_only_plan.pb": False, "eval_client_only_plan.pb": True}
TURNS = 3


def main() -> None:
    begin = time.process_time()
    from ame.builder import client, config, model

    took = {"TensorFlow, imported": time.process_time() - begin}
    begin = time.process_time()
    place = SAMPLE / "input" / "keras_task_config_build_artifact_only.pbtxt"
    settings = config.settings(config.read(place.read_bytes(), place.name))
    loaded = model.load(SAMPLE / "input" / "keras_model", settings)
    took["the model, loaded"] = time.process_time() - begin
    sizes = []
    for name, evaluates in KINDS.items():
        turns = []
        for _ in range(TURNS):
            begin = time.process_time()
            made = client.build(loaded, settings, evaluates=evaluates)
            turns.append(time.process_time() - begin)
        kind = "evaluation" if evaluates else "training"
        took[f"{kind}, first"], took[f"{kind}, again"] = turns[0], min(turns[1:])
        shipped = (SAMPLE / "output" / name).read_bytes()
        own = made.plan().SerializeToString()
        ratio = f"{len(own) / len(shipped):.2f}"
        sizes.append((kind, str(len(shipped)), str(len(own)), ratio, str(len(made.graph))))
    print(
        table(("what", "s"), [(what, f"{spent:.2f}") for what, spent in took.items()]), end="\n\n"
    )
    print(
        table(("plan", "shipped, bytes", "ame, bytes", "ratio", "its graph, if asked for"), sizes)
    )


if __name__ == "__main__":
    main()
