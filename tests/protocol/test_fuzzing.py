"""The fuzzers of `fuzzing.py`, each for a moment; by hand they are let run for longer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TARGETS = ("tensors", "laid_out_alike", "bodies", "paths", "chains", "sealed")
RUNS = 4000


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_a_decoder_refuses_or_reads_whatever_it_is_given(tmp_path: Path, target: str) -> None:
    fuzzer = Path(__file__).with_name("fuzzing.py")
    options = (f"-runs={RUNS}", "-seed=1", "-max_len=4096", "-rss_limit_mb=2048")
    ended = subprocess.run(
        [sys.executable, str(fuzzer), target, str(tmp_path), *options],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )

    assert ended.returncode == 0, ended.stderr[-3000:]
