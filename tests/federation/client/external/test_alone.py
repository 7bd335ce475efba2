"""Training scripts that are tried without a site."""

from __future__ import annotations

import os
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from ame import process
from federation.client.external.looping import LOOP

HOME = Path(process.__file__).parents[2]


def run_alone(folder: Path, value: str, text: str) -> tuple[int, str]:
    import subprocess

    script = folder / "client.py"
    script.write_text(textwrap.dedent(text))
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "AME_FEDERATION": value, "PYTHONPATH": str(HOME)},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stderr


def test_a_script_is_tried_alone_with_a_model_from_a_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "first.npz", w=np.ones(2, np.float32))
    code, shown = run_alone(tmp_path, f"alone:{tmp_path / 'first.npz'}", LOOP)

    assert code == 0, shown
    assert "round 1 of 1: sent\n  w: ndarray of float32 (2,)\n  metric round: 0" in shown


def test_a_script_tried_alone_gets_in_round_two_what_it_sent_first(tmp_path: Path) -> None:
    code, shown = run_alone(
        tmp_path,
        "alone",
        """
        import numpy as np
        from ame.federation import client as flare
        from ame.federation.client.tracking import SummaryWriter
        flare.init()
        while flare.is_running():
            model = flare.receive()
            w = np.zeros(1) if model.params is None else model.params["w"] / 0.0
            SummaryWriter().add_scalar("loss", 1)
            flare.send(flare.FLModel(params={"w": w + 1}))
        """,
    )
    assert code == 0, shown
    assert "recorded loss: 1.0" in shown
    assert "round 2 of 2: sent\n  w: ndarray of float64 (1,), NOT FINITE" in shown


@pytest.mark.parametrize("name", ["gone.npz", "text.npz", "model.h5"])
def test_a_script_is_not_tried_with_what_is_no_model(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.npz").write_text("no model")
    code, shown = run_alone(tmp_path, f"alone:{tmp_path / name}", LOOP)

    assert code == 1
    assert f"no model can be read from `{tmp_path / name}`" in shown
