"""Plans that devices are given, loaded once and run for each."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from google.protobuf.message import DecodeError

from ame import errors
from ame.device.plans import query
from ame.protocol.pb import federated_api
from ame.protocol.pb import plan as pb

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from ame.device.examples import Examples
    from ame.device.plans.loaded import Lay, Loaded
    from ame.device.plans.slices import Fetcher

LOADED: Final = 8
"""Plans that are kept loaded; the one that was used longest ago goes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One device's run of a plan."""

    plan: Path
    """A ClientOnlyPlan."""
    checkpoint: Path
    examples: Examples
    slices: Fetcher | None = None
    """Fetches what the plan asks for in parts."""


class Plans:
    """Runs plans, in threads; TensorFlow lets others work meanwhile. Closed by `async with`."""

    def __init__(self, *, threads: int = 1, environments: Path | None = None) -> None:
        """`threads` plans run at a time. `environments` holds what flatbuffers run in."""
        self._threads = threads
        self._environments = environments
        self._loaded: dict[str, asyncio.Future[Loaded]] = {}

    async def __aenter__(self) -> Self:
        self._open = AsyncExitStack()
        folder = tempfile.TemporaryDirectory(prefix="ame-device-")
        self._scratch = Path(self._open.enter_context(folder))
        # it waits for what still runs, before the folder goes
        self._pool = self._open.enter_context(ThreadPoolExecutor(self._threads, "plan"))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # what still runs may wait for what this loop has to fetch
        await asyncio.to_thread(self._pool.shutdown)
        for future in self._loaded.values():
            self._retire(future)
        await asyncio.sleep(0)  # they are told
        await self._open.aclose()

    async def run(self, task: Task) -> bytes:
        """What the plan makes of the examples: a checkpoint.

        Raises:
            errors.PlanInvalid: it contradicts itself.
            errors.PlanUnsupported: it asks for what is not supported here.
            errors.PlanFailed: it did not get to its end.
            errors.ExamplesMissing, errors.ExamplesTooFew: for want of examples.
            errors.RecordsDamaged: an example's file cannot be read.
        """
        loop = asyncio.get_running_loop()
        content = await loop.run_in_executor(self._pool, task.plan.read_bytes)
        plan = _read(content)
        spec = plan.phase.WhichOneof("spec")
        if spec == "example_query_spec":
            return await loop.run_in_executor(self._pool, query.run, plan.phase, task.examples)
        if spec != "tensorflow_spec" or plan.phase.WhichOneof("io_router") != "federated_compute":
            raise errors.PlanUnsupported(f"a plan with {spec or 'nothing to do'}")
        loaded = await self._ready(content, plan)
        if task.slices is not None:
            with_slices = await task.slices.beside(task.examples, loaded.selectors)
            task = replace(task, examples=with_slices)
        return await loop.run_in_executor(self._pool, self._do, loaded, task, loop)

    async def eligible(self, task: Task) -> federated_api.TaskEligibilityInfo:
        """What a plan of eligibility says that the device may do. Raises as `run` does."""
        loop = asyncio.get_running_loop()
        content = await loop.run_in_executor(self._pool, task.plan.read_bytes)
        plan = _read(content)
        router = plan.phase.WhichOneof("io_router")
        if router != "federated_compute_eligibility":
            raise errors.PlanInvalid(f"a plan of eligibility with {router or 'nothing to do'}")
        loaded = await self._ready(content, plan)

        def do(examples: Path, lay: Lay) -> bytes:
            return loaded.tell(examples, task.checkpoint, lay)

        made = await loop.run_in_executor(self._pool, self._with, loaded, task, loop, do)
        try:
            return federated_api.TaskEligibilityInfo.FromString(made)
        except DecodeError as error:
            raise errors.PlanFailed(f"it made no TaskEligibilityInfo: {error}") from None

    async def _ready(self, content: bytes, plan: pb.ClientOnlyPlan) -> Loaded:
        """The plan, loaded once however many devices ask for it at a time."""
        digest = hashlib.sha256(content).hexdigest()
        future = self._loaded.pop(digest, None)
        if future is None or (future.done() and (future.cancelled() or future.exception())):
            loop = asyncio.get_running_loop()
            future = loop.run_in_executor(self._pool, self._load, plan)
        self._loaded[digest] = future
        if len(self._loaded) > LOADED:
            self._retire(self._loaded.pop(next(iter(self._loaded))))
        return await asyncio.shield(future)

    def _retire(self, future: asyncio.Future[Loaded]) -> None:
        """Frees what a plan holds, once it is loaded."""
        future.add_done_callback(
            lambda done: None if done.cancelled() or done.exception() else done.result().close()
        )

    def _load(self, plan: pb.ClientOnlyPlan) -> Loaded:
        if plan.tflite_graph and not (plan.graph and find_spec("tensorflow")):
            from ame.device.plans import flat

            if self._environments is None:
                raise errors.PlanUnsupported("flatbuffers without a folder for what they need")
            return flat.Flat(plan, self._environments, self._scratch)
        if plan.graph:
            from ame.device.plans import graph

            return graph.Graph(plan, threads=self._threads)
        raise errors.PlanInvalid("it has no graph")

    def _do(self, loaded: Loaded, task: Task, loop: asyncio.AbstractEventLoop) -> bytes:
        def do(examples: Path, lay: Lay) -> bytes:
            output = examples.parent / "output"
            loaded.run(examples, task.checkpoint, output, lay)
            if not output.exists():
                raise errors.PlanFailed("it wrote no output")
            return output.read_bytes()

        return self._with(loaded, task, loop, do)

    def _with(
        self,
        loaded: Loaded,
        task: Task,
        loop: asyncio.AbstractEventLoop,
        do: Callable[[Path, Lay], bytes],
    ) -> bytes:
        """Does something while a folder holds the examples that a plan reads."""
        folder = Path(tempfile.mkdtemp(dir=self._scratch))
        try:
            given = folder / "examples"
            given.mkdir()
            for number, selector in enumerate(loaded.selectors):
                task.examples.lay(selector, given / str(number))
            asked = _Asked(task=task, folder=given, loop=loop)
            try:
                return do(given, asked.lay)
            except errors.PlanFailed:
                for error in asked.failed:  # what the plan failed for
                    raise error from None
                raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What one run of a plan asks for while it runs."""

    task: Task
    folder: Path
    loop: asyncio.AbstractEventLoop
    failed: list[errors.Error] = field(default_factory=list)

    def lay(self, selector: bytes) -> str:
        """See `Lay`. Called in a thread that is not the loop's."""
        path = self.folder / hashlib.sha256(selector).hexdigest()
        try:
            if not path.exists():
                wanted, examples = pb.ExampleSelector.FromString(selector), self.task.examples
                if self.task.slices is not None:
                    beside = self.task.slices.beside(examples, (wanted,))
                    examples = asyncio.run_coroutine_threadsafe(beside, self.loop).result()
                examples.lay(wanted, path)
        except DecodeError as error:
            self.failed.append(errors.PlanInvalid(f"it asks by what is no selector: {error}"))
            raise self.failed[-1] from None
        except errors.Error as error:
            self.failed.append(error)
            raise
        return str(path)


def _read(content: bytes) -> pb.ClientOnlyPlan:
    try:
        return pb.ClientOnlyPlan.FromString(content)
    except DecodeError as error:
        raise errors.PlanInvalid(f"it is no ClientOnlyPlan: {error}") from None
