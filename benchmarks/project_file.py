"""A project file of 200 tasks: read and checked by `ame`, beside PyYAML's C loader alone.

Usage: python benchmarks/project_file.py
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from ame import project

TASKS = 200
ROUNDS = 15

TASK = """\
  - name: train_{0}
    executor:
      !poetry
      pythonVersion: 3.11
      command: python train.py --fold {0}
    resources:
      memory: 10G
      cpu: 4
      storage: 30G
      nvidia.com/gpu: 1
    secrets:
      - !ame
        key: blob_storage_key
        injectAs: BLOB_STORAGE
    environment:
      - key: FOLD
        val: {0}
    artifacts:
      paths: [models/{0}, report.html]
"""


class Loader(yaml.CBaseLoader):
    """The C loader with all scalars as text, and tags ignored."""


Loader.add_multi_constructor("!", lambda loader, _, node: loader.construct_mapping(node))


def seconds(deed: Callable[[], object]) -> float:
    start = time.perf_counter()
    deed()
    return time.perf_counter() - start


def main() -> None:
    text = "name: many\ntasks:\n" + "".join(TASK.format(number) for number in range(TASKS))
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "ame.yml"
        file.write_text(text)
        read, load = [], []
        for _ in range(ROUNDS):  # in turn, so that both meet the same machine
            read.append(seconds(lambda: project.read(file)))
            load.append(seconds(lambda: yaml.load(text, Loader=Loader)))
        read_project = project.read(file)
        resolve = [seconds(lambda: project.check(read_project)) for _ in range(ROUNDS)]
    ours, theirs = statistics.median(read), statistics.median(load)
    print(f"ame, read and checked    {ours * 1000:7.1f} ms")
    print(f"the C loader alone       {theirs * 1000:7.1f} ms")
    print(f"ratio                    {ours / theirs:7.2f}")
    print(f"ame, all tasks resolved  {statistics.median(resolve) * 1000:7.1f} ms")
    sys.exit(ours / theirs > 1.5)


if __name__ == "__main__":
    main()
