"""The process that loads a model and builds: `python -m ame.builder.making.child FOLDER OPTIONS`.

It reads its configuration from the folder, and writes artifacts there, or what is wrong.
"""

import json
import sys
from pathlib import Path

from ame import errors
from ame.builder import config
from ame.builder.making import packing, parent
from ame.protocol.pb import task_builder as pb


def main(folder: Path, asked: str) -> None:
    """Builds; `RESULT` is written last."""
    said = json.loads(asked)
    options = parent.Options(**{name: said[name] for name in ("skip_privacy", "skip_ops", "graph")})
    read = pb.TaskConfig.FromString((folder / parent.CONFIG).read_bytes())
    settings = config.settings(read, skip_privacy=options.skip_privacy)
    try:
        result = _built(folder, Path(said["model"]), settings, options)
    except errors.Error as error:
        result = parent.written(error)
    (folder / parent.RESULT).write_text(json.dumps(result))


def _built(
    folder: Path, model: Path, settings: config.Settings, options: parent.Options
) -> dict[str, object]:
    try:
        from ame.builder.making import build
    except ImportError as error:
        if error.name != "tensorflow":
            raise
        raise errors.ExtraMissing("builder", "building plans") from None
    if model.name == packing.PACKED:
        model = packing.unpack(model, folder / "model")
    result: dict[str, object] = {}
    for kind, made in build.build(model, settings, options).items():
        own = folder / kind
        own.mkdir()
        (own / parent.PLAN).write_bytes(made.plan)
        (own / parent.CLIENT_PLAN).write_bytes(made.client_plan)
        (own / parent.CHECKPOINT).write_bytes(made.checkpoint)
        result[kind] = {"least_version": made.least_version, "sent": made.sent}
    return result


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
