"""A small Keras model, its configuration, and what another builder made of them."""

from pathlib import Path

from ame.builder import config
from ame.protocol.pb import plan as pb

FOLDER = Path(__file__).parent.parent / "builder" / "sample"
MODEL = FOLDER / "input" / "keras_model"
CONFIG = FOLDER / "input" / "keras_task_config.pbtxt"
OUTPUT = FOLDER / "output"


def settings() -> config.Settings:
    """The configuration, with noise that is still to be calibrated."""
    return config.settings(config.read(CONFIG.read_bytes(), CONFIG.name))


def plan(*, evaluates: bool = False) -> pb.Plan:
    """The plan that was made."""
    name = "eval_plan.pb" if evaluates else "plan.pb"
    return pb.Plan.FromString((OUTPUT / name).read_bytes())


def checkpoint(*, evaluates: bool = False) -> bytes:
    """The server's first checkpoint that was made."""
    name = "eval_initial_state.server.ckp" if evaluates else "initial_state.server.ckp"
    return (OUTPUT / name).read_bytes()
