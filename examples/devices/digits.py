"""A fleet of devices learns to read digits, none of which leaves its device.

Against a running server (`ame server start --open`):

    python digits.py                     200 devices, 20 rounds
    python digits.py --devices 20 --rounds 3 --goal 6 --capacity 12
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from ame.device import records
from ame.protocol.pb import example, plan
from ame.protocol.tensors import checkpoint

EPOCHS, BATCH, RATE = 5, 10, 0.1
SHAPES = {"w1": (64, 32), "b1": (32,), "w2": (32, 10), "b2": (10,)}
AGGREGATION = {
    "weight": "update/examples",
    "metrics": {"loss": ["update/loss_sum", "update/examples"]},
}


def client_graph():
    """A graph of TensorFlow: from the model and a device's examples to what it would change."""
    import tensorflow as tf

    features = {
        "x": tf.io.FixedLenFeature([64], tf.float32),
        "y": tf.io.FixedLenFeature([], tf.int64),
    }

    def loss_of(model, batch):
        hidden = tf.nn.relu(batch["x"] @ model["w1"] + model["b1"])
        logits = hidden @ model["w2"] + model["b2"]
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=batch["y"], logits=logits)

    def step(state, batch):
        model, seen, total = state
        with tf.GradientTape() as tape:
            tape.watch(model)
            losses = loss_of(model, batch)
            loss = tf.reduce_mean(losses)
        slopes = tape.gradient(loss, model)
        moved = {name: value - RATE * slopes[name] for name, value in model.items()}
        return moved, seen + tf.size(losses), total + tf.reduce_sum(losses)

    with tf.Graph().as_default() as graph:
        token = tf.compat.v1.placeholder(tf.string, [], "data_token")
        given = tf.compat.v1.placeholder(tf.string, [], "input_filepath")
        output = tf.compat.v1.placeholder(tf.string, [], "output_filepath")
        selector = plan.ExampleSelector(collection_uri="app://digits").SerializeToString()
        tf.constant(selector, name="selector")
        source = tf.raw_ops.TFRecordDataset(
            filenames=token, compression_type="", buffer_size=0, name="examples"
        )
        batches = (
            tf.data.experimental.from_variant(source, tf.TensorSpec([], tf.string))
            .repeat(EPOCHS)
            .batch(BATCH)
            .map(lambda lines: tf.io.parse_example(lines, features))
        )
        names = [f"server/{name}" for name in SHAPES]
        values = tf.raw_ops.RestoreV2(
            prefix=given,
            tensor_names=names,
            shape_and_slices=[""] * len(names),
            dtypes=[tf.float32] * len(names),
        )
        start = {
            name: tf.reshape(value, SHAPES[name])
            for name, value in zip(SHAPES, values, strict=True)
        }
        model, seen, total = batches.reduce((start, 0, 0.0), step)
        result = {f"update/{name}": model[name] - start[name] for name in SHAPES}
        result["update/examples"] = tf.cast(seen, tf.float32) / EPOCHS
        result["update/loss_sum"] = total / EPOCHS
        tf.raw_ops.SaveSlices(
            filename=output,
            tensor_names=list(result),
            shapes_and_slices=[""] * len(result),
            data=list(result.values()),
            name="save",
        )
    definition = graph.as_graph_def()
    # on a device the examples come from its own store, by a token and a selector
    node = next(node for node in definition.node if node.name == "examples")
    node.op = "ExternalDataset"
    del node.input[:]
    node.input.extend(["data_token", "selector"])
    node.attr.clear()
    return definition.SerializeToString()


def client_plan():
    """The graph, and the names by which a device runs it."""
    made = plan.ClientOnlyPlan(graph=client_graph())
    made.phase.tensorflow_spec.dataset_token_tensor_name = "data_token:0"
    made.phase.tensorflow_spec.target_node_names.append("save")
    made.phase.federated_compute.input_filepath_tensor_name = "input_filepath:0"
    made.phase.federated_compute.output_filepath_tensor_name = "output_filepath:0"
    return made.SerializeToString()


def first_model(rng):
    """Small random weights."""
    return {
        f"server/{name}": (rng.normal(0, 0.2, shape) if len(shape) > 1 else np.zeros(shape)).astype(
            np.float32
        )
        for name, shape in SHAPES.items()
    }


def split(y, devices, rng):
    """Indices for each device: few or many, and of each digit another share."""
    taste = rng.dirichlet(np.full(10, 0.5), devices) * rng.lognormal(0, 1, (devices, 1))
    share = taste / taste.sum(axis=0)
    owner = np.array([rng.choice(devices, p=share[:, digit]) for digit in y])
    owner[rng.permutation(len(y))[:devices]] = np.arange(devices)  # nobody has nothing
    return [np.flatnonzero(owner == device) for device in range(devices)]


def write_examples(folder, x, y, parts):
    for number, part in enumerate(parts):
        with (folder / f"{number:05}.tfrecord").open("wb") as file:
            records.write(file, (serialized(x[i], y[i]) for i in part))


def serialized(pixels, digit):
    made = example.Example()
    made.features.feature["x"].float_list.value.extend(pixels.tolist())
    made.features.feature["y"].int64_list.value.append(int(digit))
    return made.SerializeToString()


def accuracy(model, x, y):
    hidden = np.maximum(x @ model["server/w1"] + model["server/b1"], 0)
    found = (hidden @ model["server/w2"] + model["server/b2"]).argmax(axis=1)
    return float((found == y).mean())


def ame(*arguments):
    """Runs a command of ame and returns what it printed."""
    print("$ ame", *arguments, flush=True)
    argv = [sys.executable, "-m", "ame", *map(str, arguments)]
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout


def draw(scores, path):
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.5))
    axes.plot(range(len(scores)), scores, marker="o")
    axes.set(xlabel="round", ylabel="held-out accuracy", ylim=(0, 1))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main():
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--server", default="http://127.0.0.1:8080")
    asked.add_argument("--devices", type=int, default=200)
    asked.add_argument("--rounds", type=int, default=20)
    asked.add_argument("--goal", type=int, default=50, help="contributions to a round")
    asked.add_argument("--capacity", type=int, default=80, help="devices at once")
    asked.add_argument("--dropout", type=float, default=0.1)
    asked.add_argument("--processes", type=int, default=1)
    asked.add_argument("--output", type=Path, default=Path("accuracy.png"))
    asked = asked.parse_args()

    rng = np.random.default_rng(0)
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    order = rng.permutation(len(y))
    held_out, train = order[:360], order[360:]
    parts = split(y[train], asked.devices, rng)
    sizes = sorted(map(len, parts))
    print(f"{asked.devices} devices with {sizes[0]} to {sizes[-1]} digits each")

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "client.plan").write_bytes(client_plan())
        start = first_model(rng)
        (folder / "init.ckpt").write_bytes(checkpoint.to_bytes(start))
        (folder / "mean.json").write_text(json.dumps(AGGREGATION))
        examples = folder / "examples"
        examples.mkdir()
        write_examples(examples, x[train], y[train], parts)

        at = ("--server", asked.server)
        ame("population", "create", "digits", *at)
        files = ("--plan", folder / "client.plan", "--checkpoint", folder / "init.ckpt")
        size = ("--rounds", asked.rounds, "--goal", asked.goal, "--capacity", asked.capacity)
        made = ame(
            *("fleet", "task", "create", "digits", *files, *size),
            *("--aggregation", folder / "mean.json", *at),
        )
        task = made.split()[1]
        crowd = ("--devices", asked.devices, "--dropout", asked.dropout)
        several = ("--processes", asked.processes, "--examples", examples)
        print(ame("device", "simulate", "--population", "digits", *crowd, *several, *at))

        shown = json.loads(ame("fleet", "task", "show", "digits", task, "--format", "json", *at))
        scores = [accuracy(start, x[held_out], y[held_out])]
        for each in shown["rounds"]:
            file = folder / "round.ckpt"
            ame(
                "fleet",
                "task",
                "checkpoint",
                "digits",
                task,
                *at,
                "--round",
                each["number"],
                "-o",
                file,
            )
            scores.append(accuracy(checkpoint.read(file.read_bytes()), x[held_out], y[held_out]))
    print(shown["status"])
    for number, score in enumerate(scores):
        print(f"round {number:2}: {score:.3f} {'#' * round(50 * score)}")
    draw(scores, asked.output)
    print(f"drawn in {asked.output}")


if __name__ == "__main__":
    main()
