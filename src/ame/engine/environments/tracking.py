"""MLflow's store in the state folder: made once, before several steps ask MLflow for it at once.

MLflow makes the tables of a new store without a lock; of two that do so together, one fails.
"""

from pathlib import Path

from ame import process
from ame.engine.environments.installer import Installer, plain

_MAKE = """
import fcntl, os, sys
store = sys.argv[1]
os.makedirs(os.path.dirname(store), exist_ok=True)
with open(store + ".lock", "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    if os.path.exists(store):
        sys.exit()
    import logging
    logging.disable()
    try:
        import sqlalchemy  # MLflow's smaller forms are without it, and cannot keep a file
    except ImportError:
        sys.exit()
    draft = store + ".new"
    if os.path.exists(draft):
        os.remove(draft)
    from mlflow import MlflowClient
    MlflowClient("sqlite:///" + draft).search_experiments()
    os.replace(draft, store)
"""


def make(store: Path, installer: Installer) -> None:
    """Makes the store if it is not there, by the MLflow of the installer's environment.

    It is the step's own MLflow that matters: where this fails, the log says why, and the step may
    still find that it never asks for a store.
    """
    argv = (str(installer.python), "-I", "-c", _MAKE, str(store))
    artifacts = {"_MLFLOW_SERVER_ARTIFACT_ROOT": str(store.parent / "artifacts")}
    variables = plain(installer.environ) | artifacts
    installer.run(process.Command(argv=argv, folder=installer.venv, variables=variables))
