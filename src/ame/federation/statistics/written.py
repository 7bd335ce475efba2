"""`JsonStatsFileWriter`: the statistics of all sites as a file of the run."""

import json
from enum import Enum
from typing import Any

from ame import errors
from ame.federation.components.persistors import files
from ame.federation.spec.context import FLContext
from ame.federation.statistics.spec import StatisticsWriter

ENCODER = "nvflare.app_common.utils.json_utils.ObjectEncoder"


class ObjectEncoder(json.JSONEncoder):
    """Takes numbers of NumPy and members of enumerations, too."""

    def default(self, o: Any) -> Any:
        """What else a value is written as."""
        if isinstance(o, Enum):
            return o.value
        if hasattr(o, "tolist"):
            return o.tolist()
        return super().default(o)


class JsonStatsFileWriter(StatisticsWriter):
    """Writes JSON: by feature, statistic, site (or `Global`) and data set."""

    def __init__(self, output_path: str, json_encoder_path: str = "") -> None:
        """`output_path`: below the folder of the run; `json_encoder_path`: the built-in, or none.

        Raises:
            ValueError: there is no path, or another encoder is named.
        """
        super().__init__()
        if not output_path:
            raise ValueError("output_path is empty; name a file below the folder of the run")
        if json_encoder_path not in {"", ENCODER}:
            message = f"json_encoder_path `{json_encoder_path}` is not served; leave it out"
            raise ValueError(message)
        self.output_path = output_path
        self.json_encoder_path = json_encoder_path

    def save(self, data: dict[str, Any], overwrite_existing: bool, fl_ctx: FLContext) -> None:
        """Write it.

        Raises:
            errors.JobConflict: it is there, and is not to be replaced.
            errors.PathLeaves: the path leads out of the run's folder.
        """
        place = files.within(files.run_folder(fl_ctx), self.output_path)
        if place.exists() and not overwrite_existing:
            raise errors.JobConflict(f"{place} is there already; name another file")
        text = json.dumps(data, cls=ObjectEncoder)
        files.write(place, lambda path: path.write_text(text, encoding="utf-8"))
        self.log_info(fl_ctx, f"the statistics are in {place}")
