"""`JobStatsReporter`: how long the rounds of a job took, as files; logs lie there anyway."""

import json
import time
from functools import partial
from pathlib import Path
from typing import Any

from ame.federation.components.persistors.files import run_folder, within, write
from ame.federation.spec.component import Widget
from ame.federation.spec.context import FLContext
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.names.events import AppEventType, EventType


class JobStatusCode:
    """How a job ended."""

    SUCCESS = "SUCCESS"
    PARTIAL = "PARTIAL"
    PARTIAL_SUCCESS = PARTIAL
    FAILURE = "FAILURE"


class JobStatsReporter(Widget):
    """Writes when the job ends how long each round took; the run's own results say more."""

    def __init__(
        self,
        filename: str = "job_stats_run_summary.log",
        json_filename: str | None = "job_stats_run_summary.json",
        error_filename: str | None = None,
        collect_resources: bool = True,
        resource_sample_interval: float = 1.0,
    ) -> None:
        """Where it writes: below the folder of the run.

        Args:
            filename: a table.
            json_filename: the same as JSON; None: none.
            error_filename: accepted; errors are in the run.
            collect_resources: accepted; NVFLARE's processes are not here.
            resource_sample_interval: accepted, as the other.
        """
        super().__init__()
        self.filename = filename
        self.json_filename = json_filename
        self._begun = 0.0
        self._rounds: list[dict[str, Any]] = []
        self._failed = False

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Note rounds, and write at the end."""
        now = time.monotonic()
        match event_type:
            case EventType.START_RUN:
                self._begun = now
            case AppEventType.ROUND_STARTED:
                number = fl_ctx.get_prop(AppConstants.CURRENT_ROUND)
                self._rounds.append({"round": number, "began": now, "seconds": None})
            case AppEventType.ROUND_DONE if self._rounds:
                self._rounds[-1]["seconds"] = round(now - self._rounds[-1]["began"], 3)
            case EventType.FATAL_SYSTEM_ERROR:
                self._failed = True
            case EventType.END_RUN:
                self._write(fl_ctx)

    def get_summary(self, fl_ctx: FLContext | None = None) -> dict[str, Any]:
        """What is known now."""
        done = [each for each in self._rounds if each["seconds"] is not None]
        if self._failed:
            status = JobStatusCode.FAILURE
        else:
            complete = len(done) == len(self._rounds)
            status = JobStatusCode.SUCCESS if complete else JobStatusCode.PARTIAL
        return {
            "job_id": fl_ctx.get_job_id() if fl_ctx is not None else "",
            "status": status,
            "seconds": round(time.monotonic() - self._begun, 3),
            "rounds": [{"round": each["round"], "seconds": each["seconds"]} for each in done],
        }

    def format_report(self, summary: dict[str, Any]) -> str:
        """The same as lines of text."""
        lines = [f"job {summary['job_id']}: {summary['status']} in {summary['seconds']} s"]
        lines += [f"round {each['round']}: {each['seconds']} s" for each in summary["rounds"]]
        return "\n".join(lines) + "\n"

    def _write(self, fl_ctx: FLContext) -> None:
        summary = self.get_summary(fl_ctx)
        texts = {self.filename: self.format_report(summary)}
        if self.json_filename:
            texts[self.json_filename] = json.dumps(summary, indent=2) + "\n"
        for name, text in texts.items():
            write(within(run_folder(fl_ctx), name), partial(_put, text=text))


def _put(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


class _Logs(Widget):
    """Has nothing to do: logs of all sites lie in the folder of the run as they are written."""

    def __init__(self, **settings: Any) -> None:
        """Takes NVFLARE's arguments."""
        super().__init__()


class JobLogStreamer(_Logs):
    """Of a site: its log is in the run's folder."""


class JobLogReceiver(_Logs):
    """Of the server: logs of sites are in the run's folder."""
