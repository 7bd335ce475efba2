"""Steps in Luigi with its local scheduler, one child a step.

Usage: luigi_steps.py seq|wide STEPS FOLDER
"""

import logging
import os
import subprocess
import sys
from pathlib import Path

import luigi

shape, steps, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
logging.disable(logging.CRITICAL)


class Step(luigi.Task):
    number = luigi.IntParameter()

    def requires(self) -> list[luigi.Task]:
        return [Step(self.number - 1)] if shape == "seq" and self.number else []

    def output(self) -> luigi.Target:
        return luigi.LocalTarget(folder / f"s{self.number}")

    def run(self) -> None:
        subprocess.run(["bash", "-c", "true"], check=True, capture_output=True)
        (folder / f"s{self.number}").touch()


class All(luigi.WrapperTask):
    def requires(self) -> list[luigi.Task]:
        return [Step(number) for number in range(steps)]


workers = 1 if shape == "seq" else len(os.sched_getaffinity(0))
if not luigi.build([All()], local_scheduler=True, workers=workers, log_level="CRITICAL"):
    sys.exit(1)
