"""Flower's Control API: runs are submitted, asked after, listened to and stopped."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from ame import errors, runs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ame.federation.flower.links import Link

_STATES: Final = {
    "pending": runs.State.PENDING,
    "starting": runs.State.PENDING,
    "running": runs.State.RUNNING,
    "finished:completed": runs.State.SUCCEEDED,
    "finished:failed": runs.State.FAILED,
    "finished:stopped": runs.State.CANCELLED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a run of a SuperLink stands."""

    status: str
    """In Flower's words: `running`, `finished:failed`."""
    details: str = ""

    @property
    def state(self) -> runs.State:
        """In ours. An end that Flower has no word for is a failure."""
        return _STATES.get(self.status, runs.State.FAILED)


class Control:
    """A SuperLink, to whoever may submit runs to it.

    Every call raises `errors.FlowerUnreachable` while the SuperLink does not answer, and
    `errors.FlowerRefused` where it says no.
    """

    def __init__(self, link: Link) -> None:
        from flwr.supercore.control.control_http_client import ControlHttpClient

        self._link = link
        self._client = link.client(ControlHttpClient, component="flwr CLI")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Asks no more."""
        self._client.close()

    def start(self, bundle: bytes, config: Mapping[str, Any]) -> int:
        """Submits a run of a bundle; `config` goes before its own. Returns the run's number."""
        from flwr.common.serde import fab_to_proto, user_config_to_proto
        from flwr.proto.control_pb2 import StartRunRequest
        from flwr.supercore.fab import Fab

        fab = Fab(hashlib.sha256(bundle).hexdigest(), bundle, {})
        with self._asked("has refused the run"):
            begun = self._client.StartRun(
                StartRunRequest(
                    fab=fab_to_proto(fab),
                    override_config=user_config_to_proto(dict(config)),
                    federation="",
                )
            )
        if not begun.HasField("run_id"):
            raise errors.FlowerRefused(self._link.address, "has not begun the run")
        number: int = begun.run_id
        return number

    def standing(self, number: int) -> Standing | None:
        """How a run stands; None if the SuperLink knows of no such run."""
        from flwr.proto.control_pb2 import ListRunsRequest

        try:
            with self._asked("does not tell how the run stands"):
                found = self._client.ListRuns(ListRunsRequest(run_id=number)).run_dict
        except errors.FlowerRefused as refused:
            if refused.code == "RUN_ID_NOT_FOUND":
                return None
            raise
        told = found[number].status
        status = f"{told.status}:{told.sub_status}" if told.sub_status else told.status
        return Standing(status=status, details=told.details)

    def stop(self, number: int) -> None:
        """Ends a run; one that has ended stays as it is."""
        from flwr.proto.control_pb2 import StopRunRequest

        try:
            with self._asked("has not stopped the run"):
                self._client.StopRun(StopRunRequest(run_id=number))
        except errors.FlowerRefused as refused:
            if refused.code != "RUN_ALREADY_FINISHED":
                raise

    def log(self, number: int, after: float) -> Iterator[tuple[str, float]]:
        """What a run's ServerApp has printed since a time, and prints until it ends.

        With each piece comes the time to go on from.
        """
        from flwr.proto.control_pb2 import StreamLogsRequest

        asked = StreamLogsRequest(run_id=number, after_timestamp=after)
        with self._asked("does not tell what the run has printed"):
            for piece in self._client.StreamLogs(asked):
                yield piece.log_output, piece.latest_timestamp

    def nodes(self) -> int:
        """How many SuperNodes are there."""
        from flwr.proto.control_pb2 import ListNodesRequest

        with self._asked("does not tell which SuperNodes it has"):
            found = self._client.ListNodes(ListNodesRequest()).nodes_info
        return sum(each.status == "online" for each in found)

    def admit(self, public_key: bytes, name: str) -> None:
        """Lets a SuperNode in that has the private key to this one (PEM)."""
        from flwr.proto.control_pb2 import RegisterNodeRequest

        try:
            with self._asked(f"does not let `{name}` in"):
                self._client.RegisterNode(RegisterNodeRequest(public_key=public_key, name=name))
        except errors.FlowerRefused as refused:
            if refused.code != "PUBLIC_KEY_ALREADY_IN_USE":
                raise

    @contextmanager
    def _asked(self, no: str) -> Iterator[None]:
        import httpx

        try:
            yield
        except httpx.HTTPStatusError as error:
            error.response.read()
            code, said = _said(error.response.text)
            raise errors.FlowerRefused(
                self._link.address, f"{no}: {said or error}", code
            ) from error
        except httpx.HTTPError as error:
            raise errors.FlowerUnreachable(
                "the SuperLink", self._link.address, str(error) or type(error).__name__,
                "check the address, whether it speaks TLS, and its certificates",
            ) from error  # fmt: skip


def _said(text: str) -> tuple[str, str]:
    """Flower's name for why it says no, and its words."""
    from flwr.supercore.error import ApiErrorCode

    try:
        told = json.loads(text)
        return ApiErrorCode(told["code"]).name, str(told["detail"])
    except (ValueError, LookupError, TypeError):
        return "", text.strip()[:500]
