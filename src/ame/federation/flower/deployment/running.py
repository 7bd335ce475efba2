"""An app on Flower's own engine: submitted as a run, asked after and listened to until its end."""

from __future__ import annotations

import codecs
import contextlib
import json
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from ame import errors, runs
from ame.federation.client.record import Record
from ame.federation.exchange.watcher import Nobody
from ame.federation.flower.deployment.children import how
from ame.federation.flower.deployment.control import Control, Standing
from ame.federation.flower.deployment.hosting import Hosted, Hosting
from ame.federation.flower.deployment.said import Hearer, Told
from ame.federation.results.tally import ROUND, SERVER
from ame.federation.spec.analytics import AnalyticsDataType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ame.federation.exchange.watcher import Watcher
    from ame.federation.flower.links import Link

RESULTS: Final = "server"
"""The folder of the workspace in which ServerApps work that are led from here."""
LOGS: Final = "flower"
ADMITTED: Final = "admitted"
"""The folder of the logs in which others lay the public keys of SuperNodes that may come."""
LOOK: Final = 0.5
PATIENCE: Final = 180.0
"""Seconds for which a SuperLink of others may not answer, and SuperNodes are waited for."""
_SLOW: Final = 10.0
"""Seconds after the end of what led a run in which the SuperLink is to know of it."""
_GRACE: Final = 30.0
"""Seconds for what a run that has ended has yet to say."""
_STATE: Final = "run.json"


def run(
    bundle: bytes,
    config: Mapping[str, Any],
    *,
    workspace: Path,
    sites: Sequence[str] = (),
    others: int = 0,
    patient: bool = False,
    link: Link | None = None,
    hosting: Hosting | None = None,
    again: bool = False,
    watcher: Watcher | None = None,
    begun: Callable[[Hosted], None] | None = None,
) -> None:
    """Runs an app, and returns when it has completed.

    Args:
        bundle: the app, as `flwr build` makes it.
        config: goes before the app's run configuration.
        workspace: the folder for what comes of it here: logs, and what the ServerApp saves.
        sites: those for which a SuperNode is started on this machine, where no link is given.
        others: how many SuperNodes of others are waited for before it begins.
        patient: whether they are waited for as long as it takes; else only for a while.
        link: a SuperLink that is there; None: one is started here, and ends with the run.
        hosting: how that one is reached.
        again: whether a run that was submitted from this workspace before, and still goes or has
            completed since, is gone on with.
        watcher: told what happens.
        begun: told of what was started here.

    Raises:
        errors.FlowerUnreachable: the SuperLink or its SuperNodes are not there.
        errors.FlowerRefused: the SuperLink takes no run.
        errors.FlowerRunFailed: the run has failed, or the SuperLink knows of it no more.
        errors.FlowerRunStopped: somebody has stopped the run.
    """
    watching = watcher or Nobody()
    logs = workspace / LOGS
    logs.mkdir(parents=True, exist_ok=True)
    with ExitStack() as ending:
        hosted = None
        if link is None:
            here = Hosted(
                hosting or Hosting(), sites, folder=logs, results=workspace / RESULTS,
                watcher=watching,
            )  # fmt: skip
            hosted = ending.enter_context(here)
            hosted.await_link()
            if begun is not None:
                begun(hosted)
        link = hosted.link if hosted else link
        assert link is not None
        control = ending.enter_context(Control(link))
        one = _Run(control, link, hosted, watching, logs / _STATE)
        if not (again and one.found()):
            one.await_nodes(len(sites) + others, patient=patient)
            one.submit(bundle, config)
        one.follow()


class _Run:
    """One run, from here."""

    def __init__(
        self, control: Control, link: Link, hosted: Hosted | None, watcher: Watcher, state: Path
    ) -> None:
        self._control = control
        self._link = link
        self._hosted = hosted
        self._watcher = watcher
        self._state = state
        self._number = 0
        self._heard = 0.0
        """Up to when its log was heard."""
        self._over = threading.Event()
        self._admitted: dict[str, bytes] = {}
        self._hearer = Hearer()
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def found(self) -> bool:
        """Whether what was submitted before goes on, or has completed."""
        try:
            told = json.loads(self._state.read_text())
        except (OSError, ValueError):
            return False
        standing = self._control.standing(told["run"])
        if standing is not None and standing.state in {runs.State.FAILED, runs.State.CANCELLED}:
            return False
        if standing is None or (self._hosted is not None and not standing.state.final):
            # what led it has ended with whoever started that
            if standing is not None:
                self._control.stop(told["run"])
            self._watcher.note(f"run {told['run']} was cut off; another one is begun")
            return False
        self._number, self._heard = told["run"], told["heard"]
        self._watcher.note(f"run {self._number} is found again: {standing.status}")
        return True

    def await_nodes(self, count: int, *, patient: bool) -> None:
        """Until so many SuperNodes are there; of a SuperLink of others, the app may do with less.

        Raises:
            errors.FlowerUnreachable: those that were started here do not come.
        """
        ends = time.monotonic() + PATIENCE
        before = -1
        while (there := self._nodes()) < count:
            if there != before:
                self._watcher.note(f"{there} of {count} SuperNodes are there")
                before = there
            if not patient and time.monotonic() > ends:
                if self._hosted is None:
                    self._watcher.note("the run is begun without the others")
                    return
                raise errors.FlowerUnreachable(
                    f"{count - there} of {count} SuperNodes", self._link.address,
                    f"they have not come within {PATIENCE:g} s",
                    f"what they said is in {self._state.parent}",
                )  # fmt: skip
            self._rest()

    def submit(self, bundle: bytes, config: Mapping[str, Any]) -> None:
        """Begins the run."""
        self._number = self._control.start(bundle, config)
        self._keep()
        self._watcher.note(f"run {self._number} is submitted to {self._link.address}")

    def follow(self) -> None:
        """Until it has ended; when this is interrupted, it is stopped."""
        listening = threading.Thread(target=self._listen, name="flower log", daemon=True)
        if self._hosted is not None:
            self._hosted.lead(self._number, self._tell)
        else:
            listening.start()
        try:
            end = self._end()
        except BaseException:
            with contextlib.suppress(errors.Error):
                self._control.stop(self._number)
            raise
        finally:
            self._over.set()
            if self._hosted is not None:
                self._hosted.drain(_GRACE)
            else:
                listening.join(_GRACE)
        address = self._link.address
        match end.state:
            case runs.State.SUCCEEDED:
                return
            case runs.State.CANCELLED:
                raise errors.FlowerRunStopped(self._number, address)
        raise errors.FlowerRunFailed(self._number, address, end.details or end.status)

    def _end(self) -> Standing:
        """How it has ended."""
        silent = time.monotonic()
        left = silent
        before = ""
        while True:
            try:
                standing = self._control.standing(self._number)
            except errors.FlowerUnreachable:
                if self._hosted is None and time.monotonic() - silent > PATIENCE:
                    raise
                self._rest()
                continue
            silent = time.monotonic()
            if standing is None:
                why = "it is lost: the SuperLink knows of it no more"
                raise errors.FlowerRunFailed(self._number, self._link.address, why)
            if standing.status != before:
                before = standing.status
                self._watcher.note(f"run {self._number}: {standing.status}")
            if standing.state.final:
                return standing
            end = self._hosted.led() if self._hosted is not None else None
            if end is None or standing.state is runs.State.PENDING:  # it is led again
                left = time.monotonic()
            elif self._hosted is not None and time.monotonic() - left > _SLOW:
                if not self._hosted.completed():
                    why = f"what led it {how(end)}, and has not said how the run ended"
                    raise errors.FlowerRunFailed(self._number, self._link.address, why)
                self._watcher.note("the SuperLink was away when the run ended")
                return Standing(status="finished:completed")
            self._rest()

    def _nodes(self) -> int:
        try:
            return self._control.nodes()
        except errors.FlowerUnreachable:
            if self._hosted is None:
                raise
            return 0

    def _rest(self) -> None:
        self._admit()
        if self._hosted is not None:
            self._hosted.look()
        time.sleep(LOOK)

    def _admit(self) -> None:
        """Lets in the SuperNodes whose public keys have come to lie in the workspace."""
        for file in sorted((self._state.parent / ADMITTED).glob("*.pem")):
            name, key = unquote(file.stem), file.read_bytes()
            if self._admitted.get(name) == key:
                continue
            try:
                self._control.admit(key, name)
            except errors.FlowerUnreachable:
                return
            except errors.FlowerRefused as refused:
                self._watcher.note(str(refused))
            else:
                self._watcher.note(f"the SuperNode of {name} may come")
            self._admitted[name] = key

    def _listen(self) -> None:
        """Tells what a ServerApp prints that is led elsewhere; in a thread of its own."""
        with Control(self._link) as control:
            while True:
                try:
                    for piece, at in control.log(self._number, self._heard):
                        self._tell(piece.encode(errors="backslashreplace"))
                        self._heard = at
                        self._keep()
                except errors.Error:
                    if self._over.wait(LOOK):
                        return
                else:
                    return  # the run has ended, and all of it was told

    def _tell(self, piece: bytes) -> None:
        self._watcher.printed(SERVER, piece)
        for told in self._hearer.hear(self._decoder.decode(piece)):
            self._watcher.recorded(SERVER, _record(told))

    def _keep(self) -> None:
        told = {"address": self._link.address, "run": self._number, "heard": self._heard}
        fresh = self._state.with_suffix(".new")
        fresh.write_text(json.dumps(told))
        fresh.replace(self._state)


def _record(told: Told) -> Record:
    extra = {} if told.rounds is None else {"rounds": told.rounds}
    return Record(
        key=ROUND,
        value=dict(told.metrics),
        kind=AnalyticsDataType.METRICS,
        step=told.round,
        extra=extra,
    )
