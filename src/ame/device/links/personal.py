"""A server of the On-Device Personalization dialect, as a device reaches it.

The steps of a visit are those of the Federated Compute protocol: here they become the two calls
and the upload that this dialect has. What it does not have, such as a check-in of its own, is
answered on the spot.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import uuid
from base64 import b64decode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ame import errors
from ame.protocol import calls, eligibility, payloads, statuses
from ame.protocol.pb import (
    aggregations,
    common,
    eligibility_eval_tasks,
    odp_task_assignments,
    task_assignments,
)
from ame.protocol.pb import population_eligibility_spec as spec
from ame.protocol.wires import http

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from google.protobuf.message import Message

    from ame.device.examples import Examples
    from ame.device.links.link import Link
    from ame.device.memory import Memory

Result = odp_task_assignments.ReportResultRequest
RESULTS: Final = {
    statuses.FAILED_PRECONDITION: Result.FAILED_EXAMPLE_GENERATION,
    statuses.UNIMPLEMENTED: Result.FAILED_OPS_ERROR,
    statuses.INTERNAL: Result.FAILED_MODEL_COMPUTATION,
}
"""What is said of a computation that ended so; of all others FAILED."""
RETURN: Final = common.RetryWindow(delay_min={"seconds": 720}, delay_max={"seconds": 1080})
"""When a device comes back to a server that does not say: in a quarter of an hour, about."""
ATTEMPTS: Final = 2
"""How often a call is made: a server may first ask the device to attest what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Personal:
    """It promises what `Link` does, to one device of a population."""

    link: Link
    memory: Memory
    examples: Examples
    clock: Callable[[], float]
    authorization: str = ""
    """By which the server knows that the device has attested itself; any UUID that it keeps."""
    attest: Callable[[bytes], Sequence[str]] | None = None
    """Makes a chain of certificates over a challenge, each in base64, the device's own first."""
    keys: str = ""
    """Where the keys are to encrypt with; empty: at the server."""
    _given: dict[str, Mapping[str, int]] = field(default_factory=dict)
    _sent: set[str] = field(default_factory=set)

    async def ask(
        self,
        name: str,
        request: Message,
        at: common.ForwardingInfo | None = None,  # noqa: ARG002 - there is one server for all
    ) -> Any:  # noqa: ANN401 - the reply of the call that is named
        """See `Link`."""
        match request:
            case eligibility_eval_tasks.EligibilityEvalTaskRequest():
                reply = eligibility_eval_tasks.EligibilityEvalTaskResponse(
                    session_id=f"{int(self.clock() * 1000)} - {uuid.uuid4()}",
                    retry_window_if_accepted=RETURN,
                    retry_window_if_rejected=RETURN,
                )
                reply.no_eligibility_eval_configured.SetInParent()
                return reply
            case task_assignments.StartTaskAssignmentRequest():
                return await self._check_in(request)
            case task_assignments.ReportTaskResultRequest():
                if request.computation_status_code and request.aggregation_id:
                    await self._report(
                        request.population_name,
                        request.session_id,
                        request.aggregation_id,
                        RESULTS.get(request.computation_status_code, Result.FAILED),
                    )
                return task_assignments.ReportTaskResultResponse()
            case aggregations.StartAggregationDataUploadRequest():
                return await self._announce(request)
            case aggregations.SubmitAggregationResultRequest():
                if request.resource_name not in self._sent:
                    why = "nothing was uploaded in this session"
                    raise errors.CallFailed(statuses.FAILED_PRECONDITION, why)
                return aggregations.SubmitAggregationResultResponse()
            case aggregations.AbortAggregationRequest():
                population, session = request.client_token.split("\n")
                aggregation = request.aggregation_id
                await self._report(population, session, aggregation, Result.FAILED)
                return aggregations.AbortAggregationResponse()
        raise errors.CallFailed(statuses.UNIMPLEMENTED, f"{name} in this dialect")

    async def upload(self, content: bytes, resource: common.ByteStreamResource) -> None:
        """See `Link`. What is sent is encrypted for the server's eyes alone."""
        key = await self._key()
        packed = await asyncio.to_thread(gzip.compress, content, 1)
        try:
            sealed = payloads.sealed(packed, str(key["id"]), b64decode(str(key["key"])))
        except (KeyError, ValueError) as error:
            raise errors.RequestMalformed(f"no key to encrypt with: {error}") from None
        body = await asyncio.to_thread(gzip.compress, sealed, 1)
        at = resource.data_upload_forwarding_info
        response = await self.link.send("PUT", resource.resource_name, body, at, packed=True)
        http.check(response.status, response.body)
        self._sent.add(resource.resource_name)

    async def download(self, uri: str) -> bytes:
        """See `Link`."""
        return await self.link.download(uri)

    def indices(self, task: str) -> Mapping[str, int]:
        """See `Link`."""
        return self._given.get(task, {})

    # --- the calls

    async def _check_in(
        self, request: task_assignments.StartTaskAssignmentRequest
    ) -> task_assignments.StartTaskAssignmentResponse:
        asked = odp_task_assignments.CreateTaskAssignmentRequest(
            client_version=request.client_version,
            resource_capabilities=request.resource_capabilities,
        )
        again = {"odp-idempotency-key": request.session_id}
        fields = {"population_name": request.population_name}
        reply = await self._call("CreateTaskAssignment", asked, fields, again)
        made = task_assignments.StartTaskAssignmentResponse()
        if reply.WhichOneof("result") != "task_assignment":
            made.rejection_info.CopyFrom(reply.rejection_info)
            return made
        given = reply.task_assignment
        if given.population_name != request.population_name or not (
            given.task_id and given.aggregation_id and given.assignment_id
        ):
            raise errors.RequestMalformed("an assignment of another population, or without its ids")
        session = f"{given.task_id}/{given.assignment_id}"
        if not await asyncio.to_thread(self._fits, given):
            ids = (given.population_name, session, given.aggregation_id)
            await self._report(*ids, Result.NOT_ELIGIBLE)
            made.rejection_info.MergeFrom(
                common.RejectionInfo(reason="NO_TASK_AVAILABLE", retry_window=RETURN)
            )
            return made
        made.task_assignment.MergeFrom(
            task_assignments.TaskAssignment(
                aggregation_info={},
                session_id=session,
                aggregation_id=given.aggregation_id,
                authorization_token=f"{given.population_name}\n{session}",
                task_name=given.task_name or given.task_id,
                init_checkpoint=given.init_checkpoint,
                plan=given.plan,
            )
        )
        return made

    def _fits(self, given: odp_task_assignments.TaskAssignment) -> bool:
        """Whether the device meets what the task asks of it."""
        name = given.task_name or given.task_id
        asked = spec.PopulationEligibilitySpec(task_info=[{"task_name": name}])
        indices = {}
        for place, policy in enumerate(given.eligibility_task_info.eligibility_policies):
            kind = policy.WhichOneof("policy_type")
            new = asked.eligibility_policies.add(name=policy.id or f"{name}/{kind}")
            if kind == "min_sep_policy":
                own = policy.min_sep_policy
                new.min_sep_policy.current_index = own.current_index
                new.min_sep_policy.minimum_separation = own.minimum_separation
                indices[new.name] = own.current_index
            elif kind == "data_availability_policy":
                least = policy.data_availability_policy.min_example_count
                new.data_availability_policy.min_example_count = least
            asked.task_info[0].eligibility_policy_indices.append(place)
        self._given[name] = indices
        info = eligibility.evaluate(
            asked, self.memory.kept.past, self.examples.count, now=self.clock()
        )
        return info.task_weights[0].weight > 0

    async def _announce(
        self, request: aggregations.StartAggregationDataUploadRequest
    ) -> aggregations.StartAggregationDataUploadResponse:
        population, session = request.authorization_token.split("\n")
        completed = (population, session, request.aggregation_id, Result.COMPLETED)
        try:
            reply = await self._report(*completed)
        except errors.CallFailed as error:
            if error.code != statuses.NOT_FOUND:
                raise
            raise errors.CallFailed(statuses.ABORTED, error.said) from None  # it is over for good
        place = reply.upload_instruction
        made = aggregations.StartAggregationDataUploadResponse(
            client_token=request.authorization_token
        )
        made.resource.resource_name = place.upload_location
        headers = made.resource.data_upload_forwarding_info.extra_request_headers
        headers.update(place.extra_request_headers)
        return made

    async def _report(self, population: str, session: str, aggregation: str, result: int) -> Any:  # noqa: ANN401 - a message
        task, assignment = session.split("/", 1)
        fields = {
            "population_name": population,
            "task_id": task,
            "aggregation_id": aggregation,
            "assignment_id": assignment,
        }
        return await self._call("ReportResult", Result(result=result), fields, {})  # type: ignore[arg-type]  # a number of the enum

    async def _call(
        self, name: str, message: Message, fields: Mapping[str, str], more: Mapping[str, str]
    ) -> Any:  # noqa: ANN401 - the reply of the call that is named
        """The reply to a call; the device says what it is where the server asks for that."""
        call = calls.by_name(name)
        method, path, body = http.request(call, message, fields=fields)
        headers = dict(more)
        if self.authorization:
            headers["odp-authorization-key"] = self.authorization
        for _ in range(ATTEMPTS):
            at = common.ForwardingInfo(extra_request_headers=headers)
            response = await self.link.send(method, path, body, at, kind=http.TYPES["proto"])
            chain = None
            if response.status == 401 and self.attest:
                said: Any = http.parsed(call.reply, response.body, "proto")
                made = said.rejection_info.auth_metadata.key_attestation_metadata.challenge
                chain = await asyncio.to_thread(self.attest, made)
            if chain is None:
                break
            headers["odp-authentication-key"] = json.dumps(list(chain))
        return http.reply(call, response.status, response.body)

    async def _key(self) -> Mapping[str, object]:
        """A key to encrypt with; any of those that the server offers."""
        response = await self.link.send("GET", self.keys or "/v1/keys", b"", None)
        try:
            found: Mapping[str, object] = json.loads(response.body)["keys"][0]
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise errors.RequestMalformed(f"no keys to encrypt with: {error}") from None
        return found
