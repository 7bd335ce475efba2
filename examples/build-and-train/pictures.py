"""A Keras model becomes a task; devices train it; their weights come back into the model.

Against a running server (`ame server start --open`):

    python pictures.py
    python pictures.py --model FOLDER      a SavedModel of TensorFlow Federated
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from ame.device import records
from ame.protocol.pb import example

HERE = Path(__file__).parent
PIXELS, EXAMPLES = 784, 40


def draw(rng, count):
    """Pictures of noise, a little brighter in their upper half (0) or in their lower one (1)."""
    y = rng.integers(2, size=count)
    x = rng.normal(0, 0.5, (count, 2, PIXELS // 2))
    x[np.arange(count), y] += 0.15
    return x.reshape(count, PIXELS).astype(np.float32), y


def write_examples(folder, devices, rng, *, whole):
    """Labels are whole numbers, or floating ones, as a model takes them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(devices):
        with (folder / f"{number:03}.tfrecord").open("wb") as file:
            pictures = zip(*draw(rng, EXAMPLES), strict=True)
            records.write(file, (serialized(x, y, whole) for x, y in pictures))


def serialized(pixels, kind, whole):
    made = example.Example()
    made.features.feature["x"].float_list.value.extend(pixels.tolist())
    label = made.features.feature["y"]
    (label.int64_list if whole else label.float_list).value.append(kind)
    return made.SerializeToString()


def keras_model(path):
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras

    keras.utils.set_random_seed(3)
    layers = [keras.Input((PIXELS,)), keras.layers.Dense(1, activation="sigmoid")]
    keras.Sequential(layers).save(path)


def accuracy(model, x, y):
    """The share of pictures that a model tells rightly."""
    if model.suffix == ".keras":
        import keras

        found = keras.saving.load_model(model, compile=False).predict(x, verbose=0)[:, 0]
    else:
        import tensorflow as tf

        loaded = tf.saved_model.load(str(model))
        weights = (tuple(loaded._weights[0]), ())  # noqa: SLF001 - it is called so
        given = {"model_weights": weights, "x": x, "training": False}
        found = tf.nest.flatten(loaded.predict_on_batch_inference(**given))[0].numpy()
    return float(((found > 0.5) == y).mean())


def ame(*arguments):
    """Runs a command of ame and returns what it printed."""
    print("$ ame", *arguments, flush=True)
    argv = [sys.executable, "-m", "ame", *map(str, arguments)]
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout


def main():
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--server", default=os.environ.get("AME_SERVER", "http://127.0.0.1:8080"))
    asked.add_argument("--population", default="pictures", help="of devices that have no task yet")
    asked.add_argument("--devices", type=int, default=24)
    asked.add_argument("--model", type=Path, help="a SavedModel, instead of a Keras model")
    asked.add_argument("--folder", type=Path, default=Path("made"), help="what is written")
    asked = asked.parse_args()
    os.environ["AME_SERVER"] = asked.server

    if json.loads(ame("fleet", "task", "list", asked.population, "--format", "json")):
        sys.exit(f"{asked.population} has tasks already: name another --population")

    rng = np.random.default_rng(0)
    write_examples(asked.folder / "examples", asked.devices, rng, whole=asked.model is not None)
    model, trained = asked.model, asked.folder / "trained"
    built = ["--client_graph", "--report"]
    if model is None:
        model, trained = asked.folder / "pictures.keras", asked.folder / "trained.keras"
        keras_model(model)
    else:
        built.append("--skip_dp_aggregator")  # of so many weights, noise would hide all

    config = asked.folder / "task.pbtxt"
    written = (HERE / "task.pbtxt").read_text()
    config.write_text(written.replace('"pictures"', f'"{asked.population}"'))
    print(ame("build", "--saved_model", model, "--task_config", config, *built))
    for task in (1, 2):  # until the server has read their plans
        ame("fleet", "task", "wait", asked.population, task)
    crowd = ("--devices", asked.devices, "--examples", asked.folder / "examples")
    newest = ("--version", "999999999")
    print(ame("device", "simulate", "--population", asked.population, *crowd, *newest))
    for task in (1, 2):
        print(ame("fleet", "task", "show", asked.population, task))

    print(ame("fleet", "model", "export", asked.population, 1, "--model", model, "-o", trained))
    x, y = draw(rng, 1000)
    print(f"before {accuracy(model, x, y):.3f}, after {accuracy(trained, x, y):.3f}")


if __name__ == "__main__":
    main()
