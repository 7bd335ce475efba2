"""Steps in Snakemake.

Usage: snakemake_steps.py seq|wide STEPS FOLDER
"""

import os
import subprocess
import sys
from pathlib import Path

shape, steps, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
rules = [f"rule all:\n    input: {[f's{number}' for number in range(steps)]}\n"]
for number in range(steps):
    before = f"    input: 's{number - 1}'\n" if shape == "seq" and number else ""
    rules.append(f"rule step{number}:\n{before}    output: touch('s{number}')\n    shell: 'true'\n")
(folder / "Snakefile").write_text("\n".join(rules))
cores = 1 if shape == "seq" else len(os.sched_getaffinity(0))
command = [sys.executable, "-m", "snakemake", "--quiet", "all", "--cores", str(cores)]
sys.exit(subprocess.run(command, cwd=folder, check=False).returncode)
