"""Records as event files that TensorBoard shows, a folder for each site."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from ame import errors
from ame.federation.client.record import Record
from ame.federation.client.tfevents import EventFile
from ame.federation.receivers.streaming import AnalyticsReceiver, told
from ame.federation.spec.analytics import AnalyticsDataType, LogWriterName

if TYPE_CHECKING:
    from ame.federation.spec.context import FLContext
    from ame.federation.spec.shareable import Shareable

_WORDS = (AnalyticsDataType.PARAMETER, AnalyticsDataType.PARAMETERS)


class TBAnalyticsReceiver(AnalyticsReceiver):
    """Writes to `RUN/TB_FOLDER/SITE`; numbers as scalars, texts and parameters as texts.

    A parameter that is a number is a scalar; several scalars of one name are `NAME/EACH`. Images
    are left out, and the log says so.
    """

    def __init__(self, tb_folder: str = "tb_events", events: list[str] | None = None) -> None:
        """`tb_folder`: a folder within the run's; `events`: see `AnalyticsReceiver`.

        Raises:
            errors.JobInvalid (ValueError): the folder is outside the run's.
        """
        super().__init__(events=events)
        if PurePath(tb_folder).is_absolute() or ".." in PurePath(tb_folder).parts:
            raise errors.JobInvalid(
                f"`tb_folder` is {tb_folder!r}; give a folder within that of the run"
            )
        self.tb_folder = tb_folder
        self.root_log_dir = ""
        self._files: dict[str, EventFile] = {}

    def initialize(self, fl_ctx: FLContext) -> None:
        """Make the folder."""
        run = fl_ctx.get_engine().get_workspace().get_run_dir(fl_ctx.get_job_id())
        folder = Path(run) / self.tb_folder
        folder.mkdir(parents=True, exist_ok=True)
        self.root_log_dir = str(folder)
        self.log_info(fl_ctx, f"TensorBoard's files are in {folder}")

    def save(self, fl_ctx: FLContext, shareable: Shareable, record_origin: str) -> None:
        """Write it to the site's file."""
        data = told(shareable, LogWriterName.TORCH_TB)
        if data is None:
            return
        if record_origin not in self._files:
            self._files[record_origin] = EventFile(Path(self.root_log_dir) / record_origin)
        file = self._files[record_origin]
        if data.data_type in _WORDS:
            several = data.data_type == AnalyticsDataType.PARAMETERS
            for name, value in (data.value if several else {data.tag: data.value}).items():
                if isinstance(value, int | float):
                    file.add({name: value}, data.step)
                else:
                    file.add_text(name, str(value), data.step)
        elif data.data_type == AnalyticsDataType.TEXT:
            file.add_text(data.tag, data.value, data.step)
        else:
            record = Record(key=data.tag, value=data.value, kind=data.data_type)
            if numbers := dict(record.numbers()):
                file.add(numbers, data.step)
            else:
                self.log_warning(
                    fl_ctx, f"`{data.tag}` ({data.data_type.value}) is not written: it is no number"
                )
        file.flush()

    def finalize(self, fl_ctx: FLContext) -> None:
        """End the files."""
        for file in self._files.values():
            file.close()
