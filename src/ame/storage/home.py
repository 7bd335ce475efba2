"""The state folder: where `ame` keeps what outlives a command."""

import os
from pathlib import Path

VARIABLE = "AME_HOME"


def home() -> Path:
    """`AME_HOME`, else the platform's place for a user's data; made, for its owner alone."""
    named = os.environ.get(VARIABLE)
    if named:
        folder = Path(named).expanduser().absolute()
    else:
        import platformdirs

        folder = platformdirs.user_data_path("ame")
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder
