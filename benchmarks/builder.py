"""What a build of a small Keras model costs: cold, and without the start of TensorFlow; its sizes.

Usage: python benchmarks/builder.py [--turns N]

The peer is the original builder, which takes 47 to 203 s for the same on two cores, and made the
plans that lie beside the model in `tests/builder/sample`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measure

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "tests" / "builder" / "sample"
MODEL = SAMPLE / "input" / "keras_model"
CONFIG = SAMPLE / "input" / "keras_task_config_build_artifact_only.pbtxt"
NAMES = ("plan.pb", "client_only_plan.pb", "eval_plan.pb", "eval_client_only_plan.pb")


def parts() -> dict[str, tuple[float, float]]:
    """Seconds of each part, and of the CPU for it, in this process, with nothing imported yet."""
    spent: dict[str, tuple[float, float]] = {}
    last = time.perf_counter(), time.process_time()

    def note(name: str) -> None:
        nonlocal last
        now = time.perf_counter(), time.process_time()
        spent[name] = now[0] - last[0], now[1] - last[1]
        last = now

    from ame.builder import config, rules

    settings = rules.settled(config.read(CONFIG.read_bytes(), CONFIG.name))
    note("rules, and noise that is enough")
    from ame.builder import client, model
    from ame.builder.server import learning, plan

    note("TensorFlow, imported")
    loaded = model.load(MODEL, settings)
    note("the model, loaded")
    weights = loaded.trainable, loaded.non_trainable
    for evaluates in (False, True):
        kind = "evaluation" if evaluates else "training"
        half = client.build(loaded, settings, evaluates=evaluates)
        note(f"{kind}: the client's half")
        rounds = learning.of(settings, *weights, evaluates=evaluates, seed=1)
        plan.build(rounds, half.phase, half.flatbuffer, daf=settings.use_daf)
        plan.checkpoint(rounds)
        note(f"{kind}: the server's half")
    return spent


def whole(folder: Path) -> measure.Cost:
    """The command, from nothing to artifacts on the disk."""
    argv = [sys.executable, "-m", "ame", "build", "--saved_model", MODEL, "--task_config", CONFIG]
    argv += ["--build_artifact_only", "--storage_path", folder]
    return measure.once(measure.Program(argv=[*map(str, argv)]))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--parts", action="store_true", help="print one turn of the parts")
    asked = parser.parse_args()
    if asked.parts:
        print(json.dumps(parts()))
        return
    print(measure.machine() + "\n", flush=True)
    argv = [sys.executable, __file__, "--parts"]
    turns = [json.loads(subprocess.check_output(argv)) for _ in range(asked.turns)]
    rows = [
        (name, *(f"{min(turn[name][which] for turn in turns):.2f}" for which in (0, 1)))
        for name in turns[0]
    ]
    with tempfile.TemporaryDirectory() as folder:
        best = measure.NEVER
        for _ in range(asked.turns):
            best = best.best(whole(Path(folder)))
        rows.append(("`ame build`, cold, both tasks", f"{best.wall:.1f}", f"{best.cpu:.1f}"))
        print(measure.table(("what", "seconds", "of the CPU"), rows))
        sizes = [
            (name, *(f"{(at / name).stat().st_size:,}" for at in (Path(folder), SAMPLE / "output")))
            for name in NAMES
        ]
    print("\n" + measure.table(("plan", "bytes", "the original's"), sizes))


if __name__ == "__main__":
    main()
