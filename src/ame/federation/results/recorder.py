"""What watches a federated job: counts, keeps, shows and reports what happens."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import ame
from ame.federation.exchange.sites import Lost, Order, Reply, Why
from ame.federation.results.journal import Journal
from ame.federation.results.tally import ROUND, SERVER, Round, Tally
from ame.federation.spec.names.events import AppEventType, EventType

if TYPE_CHECKING:
    from ame.federation.client.record import Record
    from ame.federation.results.models import Models
    from ame.federation.results.terminal import Terminal
    from ame.federation.spec.context import FLContext

_BEST = "best so far"


class Recorder:
    """A `Watcher` for which nothing is lost: see `exchange.watcher`."""

    def __init__(
        self,
        journal: Journal,
        terminal: "Terminal",
        models: "Models",
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tally = Tally()
        self.journal = journal
        self.terminal = terminal
        self.models = models
        self._clock = clock
        self._note = ""

    def sent(self, orders: Sequence[Order]) -> None:
        """Begins a round, or goes on with one."""
        closed = self.tally.sent(orders, self._clock())
        if closed is not None:
            self._closed(closed)
        self.journal.asked(order.site for order in orders)
        now = self.tally.now
        if now is not None:
            self.terminal.began(now)

    def replied(self, reply: Reply) -> None:
        """Keeps what the site measured."""
        counted = self.tally.replied(reply)
        if counted is not None:
            of, answer = counted
            values = {**answer.metrics, "seconds": answer.seconds}
            self.journal.measured(reply.site, values, of.at)

    def lost(self, lost: Lost) -> None:
        """Says so at once."""
        of = self.tally.lost(lost)
        if of is not None:
            self._lose(lost.site, lost.why, of)

    def refused(self, site: str, why: Why) -> None:
        """The same, of a site that was not lost by an order."""
        of = self.tally.refused(site, why)
        if of is not None:
            self._lose(site, why, of)

    def closed(self, *, best: bool) -> None:
        """Ends the round, and marks it."""
        if best:
            self._note = _BEST
        self.close()

    def printed(self, site: str, chunk: bytes) -> None:
        """Adds to the site's log."""
        self.journal.printed(site, chunk)
        self.terminal.printed(site, chunk)

    def recorded(self, site: str, record: "Record") -> None:
        """Keeps the numbers in it, and lets words be read in the site's log."""
        values = dict(record.numbers())
        self.journal.measured(site, values, record.step)
        if site == SERVER and record.key == ROUND:
            self._told(values, record)
        for name, value in record.words():
            self.journal.printed(site, f"{name} = {value}\n".encode())

    def _told(self, values: Mapping[str, float], record: "Record") -> None:
        """Shows and reports what the server itself tells of a round."""
        shown = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        self.terminal.say(f"  round {record.step}  {shown}")
        for name, value in values.items():
            ame.report(name, value, record.step)
        total = record.extra.get("rounds")
        if isinstance(total, int) and total and record.step:
            ame.progress(min(1.0, record.step / total), f"round {record.step}")

    def fired(self, event: str, fl_ctx: "FLContext") -> None:
        """Follows the models, and the ends of rounds."""
        match event:
            case AppEventType.GLOBAL_BEST_MODEL_AVAILABLE:
                if self.models.best(fl_ctx):
                    self._note = _BEST
            case AppEventType.AFTER_LEARNABLE_PERSIST | AppEventType.AFTER_AGGREGATION:
                self.models.last(fl_ctx)
            case AppEventType.ROUND_DONE | EventType.END_WORKFLOW | EventType.END_RUN:
                self.close()

    def note(self, text: str) -> None:
        """Shows it, and keeps it in the server's log."""
        self.journal.printed(SERVER, f"ame: {text}\n".encode())
        self.terminal.say(text, "yellow")

    def close(self) -> None:
        """Ends the round under way."""
        closed = self.tally.close(self._clock())
        if closed is not None:
            self._closed(closed)

    def _lose(self, site: str, why: Why, of: Round) -> None:
        self.journal.lost(site, why, of)
        if why.kind != "dropped":
            self.terminal.lost(site, why)

    def _closed(self, done: Round) -> None:
        means = done.means()
        counts = {"sites": float(len(done.answers)), "lost": float(len(done.losses))}
        taken = {"round_seconds": (done.ended or done.began) - done.began}
        self.journal.measured(SERVER, {**means, **counts, **taken}, done.at)
        self.journal.flush()
        self.terminal.ended(done, self._note)
        self._note = ""
        _report(done, means)


def _report(done: Round, means: Mapping[str, float]) -> None:
    """Tells the engine, where the job is a step of a pipeline."""
    for name, value in means.items():
        ame.report(name, value, done.at)
    if done.number is not None and done.total:
        ame.progress(min(1.0, (done.number + 1) / done.total), done.label)
