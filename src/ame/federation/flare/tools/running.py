"""What jobs' scripts ask of the machine and of their run, by NVFLARE's names."""

import functools
import gc
import importlib
import time
from collections.abc import Callable
from typing import Any

from ame.federation.run.engine import Engine as EngineSpec
from ame.federation.run.server import ServerEngine as ServerEngineSpec
from ame.federation.run.site import SiteEngine as ClientEngineSpec
from ame.federation.spec.analytics import (
    ANALYTIC_EVENT_TYPE,
    AnalyticsData,
    AnalyticsDataType,
    LogWriterName,
)
from ame.federation.spec.component import FLComponent
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DXO
from ame.federation.spec.names.keys import FLContextKey

__all__ = [
    "ClientEngineSpec", "EngineSpec", "ServerEngineSpec", "cleanup_memory", "collect_time",
    "create_analytic_dxo", "measure_time", "optional_import", "send_analytic_dxo", "str2bool",
]  # fmt: skip


def create_analytic_dxo(
    tag: str,
    value: Any,
    data_type: AnalyticsDataType,
    writer: LogWriterName = LogWriterName.TORCH_TB,
    **kwargs: Any,
) -> DXO:
    """A metric, parameter, text or tag, as it is told to the server."""
    return AnalyticsData(tag, value, data_type, writer, **kwargs).to_dxo()


def send_analytic_dxo(
    comp: FLComponent,
    dxo: DXO,
    fl_ctx: FLContext,
    event_type: str = ANALYTIC_EVENT_TYPE,
    fire_fed_event: bool = False,
) -> None:
    """Tells it: to what hears this event, and to the run.

    Raises:
        TypeError: an argument is of another type than it must be.
    """
    wanted = (("comp", comp, FLComponent), ("dxo", dxo, DXO), ("fl_ctx", fl_ctx, FLContext))
    for name, given, kind in wanted:
        if not isinstance(given, kind):
            message = f"`{name}` must be a {kind.__name__}, not {type(given).__name__}"
            raise TypeError(message)
    data = AnalyticsData.from_dxo(dxo)
    if data is not None:
        fl_ctx.get_engine().recorded(data)
    told = dxo.to_shareable()
    if fire_fed_event:
        comp.fire_fed_event(event_type, told, fl_ctx)
    else:
        comp.fire_event_with_data(event_type, fl_ctx, FLContextKey.EVENT_DATA, told)


def optional_import(
    module: str, op: str = "==", version: str = "", name: str = "", **kwargs: Any
) -> tuple[Any, bool]:
    """A module, or a name in it, and whether it is there; None if it is not."""
    try:
        found = importlib.import_module(module)
        return (getattr(found, name) if name else found), True
    except (ImportError, AttributeError):
        return None, False


def str2bool(value: object, raise_exc: bool = False) -> bool | None:
    """What a text says: yes, true, t, y, 1, on; or no, false, f, n, 0, off.

    Raises:
        ValueError: it says neither, and `raise_exc` is set.
    """
    if isinstance(value, bool):
        return value
    said = str(value).strip().lower()
    if said in {"yes", "true", "t", "y", "1", "on"}:
        return True
    if said in {"no", "false", "f", "n", "0", "off"}:
        return False
    if raise_exc:
        message = f"{value!r} is neither true nor false"
        raise ValueError(message)
    return None


def cleanup_memory(cuda_empty_cache: bool = False) -> None:
    """Collects garbage, and gives back what torch keeps of a GPU's memory if asked."""
    gc.collect()
    if cuda_empty_cache:
        import torch

        torch.cuda.empty_cache()


def measure_time(func: Callable[..., Any]) -> Callable[..., Any]:
    """Notes in `time_taken` how many milliseconds the last call took."""

    @functools.wraps(func)
    def timed(*args: Any, **kwargs: Any) -> Any:
        begun = time.perf_counter()
        result = func(*args, **kwargs)
        timed.time_taken = (time.perf_counter() - begun) * 1000.0  # type: ignore[attr-defined]  # NVFLARE's callers read it there
        return result

    return timed


def collect_time(func: Callable[..., Any]) -> Callable[..., Any]:
    """Adds up in `time_taken` how many milliseconds calls took, and counts them in `count`.

    A call with `reset=True` begins anew.
    """

    @functools.wraps(func)
    def timed(*args: Any, **kwargs: Any) -> Any:
        if kwargs.get("reset"):
            timed.time_taken, timed.count = 0.0, 0  # type: ignore[attr-defined]  # as above
            return None
        begun = time.perf_counter()
        result = func(*args, **kwargs)
        timed.time_taken += (time.perf_counter() - begun) * 1000.0  # type: ignore[attr-defined]  # as above
        timed.count += 1  # type: ignore[attr-defined]  # as above
        return result

    timed.time_taken, timed.count = 0.0, 0  # type: ignore[attr-defined]  # as above
    return timed
