"""Run when the model is good: writes down how good, here."""

import sys
from pathlib import Path

with Path("good.txt").open("a") as file:
    file.write(" ".join(sys.argv[1:]) + "\n")
