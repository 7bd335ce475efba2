"""Runs every benchmark, and writes what they print into README.md, under `## Measured`.

Usage: python benchmarks/all.py [NAME]...   (by default all; others keep what they have)
"""

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
NAMES = (
    "steps", "cli", "spawn", "environments", "project_file", "run_list", "fold", "recipes",
    "federation", "fleet", "fleet_cost", "rpc", "reports", "cloud", "builder", "client_plans",
)  # fmt: skip
HEAD = "## Measured"


def measured(text: str) -> dict[str, str]:
    """What is written there for each benchmark."""
    parts = re.split(r"^### `(\w+)\.py`\n", text.partition(f"{HEAD}\n")[2], flags=re.MULTILINE)
    return {name: said.strip() for name, said in zip(parts[1::2], parts[2::2], strict=True)}


def run(name: str) -> str:
    """What the benchmark prints; a table stays one, other lines are kept as they are."""
    print(f"{name} …", flush=True)
    argv = (sys.executable, str(HERE / f"{name}.py"))
    said = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
    if "\n| ---" in said:
        before, _, table = said.partition("\n|")
        return f"{before}\n\n|{table}"
    return f"```\n{said}\n```"


def main() -> None:
    file = HERE / "README.md"
    text = file.read_text()
    there = measured(text)
    there |= {name: run(name) for name in sys.argv[1:] or NAMES}
    own = text.partition(f"{HEAD}\n")[0].rstrip()
    parts = "".join(f"\n### `{name}.py`\n\n{there[name]}\n" for name in NAMES if name in there)
    file.write_text(f"{own}\n\n{HEAD}\n{parts}")


if __name__ == "__main__":
    main()
