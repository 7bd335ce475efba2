"""Every call, declared once. The wires serve and make calls from these declarations alone.

Sources: the services in `proto/`, and the paths by which the Federated Compute client and the
On-Device Personalization client reach them over HTTP.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, unquote

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from ame.protocol.pb import (
    aggregations,
    confidential_aggregations,
    eligibility_eval_tasks,
    odp_task,
    odp_task_assignments,
    operations,
    secure_aggregations,
    task_assignments,
    task_builder,
)

UNRESERVED = "-_.~"
"""What stays as it is in a path, beside letters and digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One thing that a client may ask of a server."""

    name: str
    request: type[Message]
    reply: type[Message]
    service: str = ""
    """The gRPC service, by its full name; empty for what is served over HTTP alone."""
    method: str = "POST"
    path: str
    """Names in braces stand in the path and not in the body: fields of the request, where it has
    them."""
    metadata: type[Message] | None = None
    """Of the long-running operation that the answer is; none where the reply comes at once."""
    known_by: tuple[str, ...] = ()
    """Fields of the request, or of the reply, by which a server finds an operation again that has
    ended."""
    verb: str = ""
    """How the server's method is named."""
    _pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _own: Mapping[str, bool] = field(init=False, repr=False, compare=False)
    """Which of the names in the path are fields of the request; and whether those are bytes."""
    _asked: Collection[str] = field(init=False, repr=False, compare=False)
    """What an operation is known by that stands in the request."""

    def __post_init__(self) -> None:
        parts = re.split(r"{(\w+)}", self.path)
        made = "".join(
            f"(?P<{part}>{WHOLE.get(part, '[^/:]+')})" if place % 2 else re.escape(part)
            for place, part in enumerate(parts)
        )
        object.__setattr__(self, "_pattern", re.compile(made))
        known = self.request.DESCRIPTOR.fields_by_name
        object.__setattr__(self, "_asked", frozenset(known) & {*self.known_by})
        own = {name: known[name] for name in self.names if name in known}
        kinds = {name: each.type == each.TYPE_BYTES for name, each in own.items()}
        object.__setattr__(self, "_own", kinds)
        if not self.verb:
            snake = re.sub(r"(?<!^)(?=[A-Z])", "_", self.name).lower()
            object.__setattr__(self, "verb", snake)

    def matched(self, method: str, path: str) -> dict[str, str] | None:
        """What stands in the path, decoded; none where this is not the call that is meant.

        `path` is as it came, percent-encoded, without the query.
        """
        found = self._pattern.fullmatch(path) if method == self.method else None
        if found is None or "%" not in path:
            return found and found.groupdict()
        return {name: unquote(value) for name, value in found.groupdict().items()}

    def filled(self, fields: Mapping[str, str]) -> str:
        """The path with these values, percent-encoded."""
        return re.sub(
            r"{(\w+)}",
            lambda name: quote(fields[name[1]], safe=UNRESERVED + "/" * (name[1] in WHOLE)),
            self.path,
        )

    def fill(self, request: Message, fields: Mapping[str, str]) -> None:
        """Puts into the request what stands in the path."""
        for name, kept in self._own.items():
            value = fields[name]
            setattr(request, name, value.encode() if kept else value)

    def split(self, request: Message) -> tuple[str, Message]:
        """The path, and the request without what stands in it. The request is left as it is."""
        body = type(request)()
        body.CopyFrom(request)
        for name in self._own:
            body.ClearField(name)
        return self.filled({name: getattr(request, name) for name in self._own}), body

    def operation(self, request: Message, reply: Message) -> str:
        """The name of the operation that has ended with this reply.

        It holds what `operation_named` reads out of it, and nothing is to be kept of it.
        """
        parts = [f"operations/{self.verb}"]
        for name in self.known_by:
            given: str = getattr(request if name in self._asked else reply, name)
            parts.append(urlsafe_b64encode(given.encode()).decode().rstrip("="))
        return "/".join(parts)

    @property
    def names(self) -> tuple[str, ...]:
        """What stands in the path."""
        return tuple(self._pattern.groupindex)


WHOLE: Final = {"name": "operations/.+"}
"""What holds slashes that stay slashes in the path."""
FC: Final = "google.internal.federatedcompute.v1"
_POPULATION = "/v1/populations/{population_name}"
_SIMPLE = "/v1/aggregations/{aggregation_id}/clients"
_SECURE = "/v1/secureaggregations/{aggregation_id}/clients"
_CONFIDENTIAL = "/v1/confidentialaggregations/{aggregation_id}/clients"

ELIGIBILITY: Final = (
    Call(
        name="RequestEligibilityEvalTask",
        service=f"{FC}.EligibilityEvalTasks",
        request=eligibility_eval_tasks.EligibilityEvalTaskRequest,
        reply=eligibility_eval_tasks.EligibilityEvalTaskResponse,
        path="/v1/eligibilityevaltasks/{population_name}:request",
    ),
    Call(
        name="ReportEligibilityEvalTaskResult",
        service=f"{FC}.EligibilityEvalTasks",
        request=eligibility_eval_tasks.ReportEligibilityEvalTaskResultRequest,
        reply=eligibility_eval_tasks.ReportEligibilityEvalTaskResultResponse,
        path=_POPULATION + "/eligibilityevaltasks/{session_id}:reportresult",
    ),
)
ASSIGNMENTS: Final = (
    Call(
        name="StartTaskAssignment",
        service=f"{FC}.TaskAssignments",
        request=task_assignments.StartTaskAssignmentRequest,
        reply=task_assignments.StartTaskAssignmentResponse,
        metadata=task_assignments.StartTaskAssignmentMetadata,
        known_by=("population_name", "session_id"),
        path=_POPULATION + "/taskassignments/{session_id}:start",
    ),
    Call(
        name="PerformMultipleTaskAssignments",
        service=f"{FC}.TaskAssignments",
        request=task_assignments.PerformMultipleTaskAssignmentsRequest,
        reply=task_assignments.PerformMultipleTaskAssignmentsResponse,
        path=_POPULATION + "/taskassignments/{session_id}:performmultiple",
    ),
    Call(
        name="ReportTaskResult",
        service=f"{FC}.TaskAssignments",
        request=task_assignments.ReportTaskResultRequest,
        reply=task_assignments.ReportTaskResultResponse,
        path=_POPULATION + "/taskassignments/{session_id}:reportresult",
    ),
)
AGGREGATIONS: Final = (
    Call(
        name="StartAggregationDataUpload",
        service=f"{FC}.Aggregations",
        request=aggregations.StartAggregationDataUploadRequest,
        reply=aggregations.StartAggregationDataUploadResponse,
        metadata=aggregations.StartAggregationDataUploadMetadata,
        known_by=("client_token",),
        path=_SIMPLE + "/{authorization_token}:startdataupload",
    ),
    Call(
        name="SubmitAggregationResult",
        service=f"{FC}.Aggregations",
        request=aggregations.SubmitAggregationResultRequest,
        reply=aggregations.SubmitAggregationResultResponse,
        path=_SIMPLE + "/{client_token}:submit",
    ),
    Call(
        name="AbortAggregation",
        service=f"{FC}.Aggregations",
        request=aggregations.AbortAggregationRequest,
        reply=aggregations.AbortAggregationResponse,
        path=_SIMPLE + "/{client_token}:abort",
    ),
)
SECURE: Final = (
    Call(
        name="StartSecureAggregation",
        service=f"{FC}.SecureAggregations",
        request=secure_aggregations.StartSecureAggregationRequest,
        reply=secure_aggregations.StartSecureAggregationResponse,
        metadata=secure_aggregations.StartSecureAggregationMetadata,
        path=_SECURE + "/{authorization_token}:start",
    ),
    Call(
        name="AbortSecureAggregation",
        service=f"{FC}.SecureAggregations",
        request=secure_aggregations.AbortSecureAggregationRequest,
        reply=secure_aggregations.AbortSecureAggregationResponse,
        path=_SECURE + "/{client_token}:abort",
    ),
    Call(
        name="AdvertiseKeys",
        service=f"{FC}.SecureAggregations",
        request=secure_aggregations.AdvertiseKeysRequest,
        reply=secure_aggregations.AdvertiseKeysResponse,
        metadata=secure_aggregations.AdvertiseKeysMetadata,
        path=_SECURE + "/{client_token}:advertisekeys",
    ),
    Call(
        name="ShareKeys",
        service=f"{FC}.SecureAggregations",
        request=secure_aggregations.ShareKeysRequest,
        reply=secure_aggregations.ShareKeysResponse,
        metadata=secure_aggregations.ShareKeysMetadata,
        path=_SECURE + "/{client_token}:sharekeys",
    ),
    Call(
        name="SubmitSecureAggregationResult",
        service=f"{FC}.SecureAggregations",
        request=secure_aggregations.SubmitSecureAggregationResultRequest,
        reply=secure_aggregations.SubmitSecureAggregationResultResponse,
        metadata=secure_aggregations.SubmitSecureAggregationResultMetadata,
        path=_SECURE + "/{client_token}:submit",
    ),
    Call(
        name="Unmask",
        service=f"{FC}.SecureAggregations",
        request=secure_aggregations.UnmaskRequest,
        reply=secure_aggregations.UnmaskResponse,
        path=_SECURE + "/{client_token}:unmask",
    ),
)
CONFIDENTIAL: Final = (
    Call(
        name="StartConfidentialAggregationDataUpload",
        service=f"{FC}.ConfidentialAggregations",
        request=confidential_aggregations.StartConfidentialAggregationDataUploadRequest,
        reply=confidential_aggregations.StartConfidentialAggregationDataUploadResponse,
        metadata=confidential_aggregations.StartConfidentialAggregationDataUploadMetadata,
        path=_CONFIDENTIAL + "/{authorization_token}:startdataupload",
    ),
    Call(
        name="SubmitConfidentialAggregationResult",
        service=f"{FC}.ConfidentialAggregations",
        request=confidential_aggregations.SubmitConfidentialAggregationResultRequest,
        reply=confidential_aggregations.SubmitConfidentialAggregationResultResponse,
        path=_CONFIDENTIAL + "/{client_token}:submit",
    ),
    Call(
        name="AbortConfidentialAggregation",
        service=f"{FC}.ConfidentialAggregations",
        request=confidential_aggregations.AbortConfidentialAggregationRequest,
        reply=confidential_aggregations.AbortConfidentialAggregationResponse,
        path=_CONFIDENTIAL + "/{client_token}:abort",
    ),
    Call(
        name="RevokeConfidentialAggregationResult",
        service=f"{FC}.ConfidentialAggregations",
        request=confidential_aggregations.RevokeConfidentialAggregationResultRequest,
        reply=confidential_aggregations.RevokeConfidentialAggregationResultResponse,
        path="/v1/confidentialaggregations/{aggregation_id}/uploads/{blob_id}:revoke",
    ),
)
OPERATIONS: Final = (
    Call(
        name="GetOperation",
        service="google.longrunning.Operations",
        request=operations.GetOperationRequest,
        reply=operations.Operation,
        method="GET",
        path="/v1/{name}",
    ),
    Call(
        name="CancelOperation",
        service="google.longrunning.Operations",
        request=operations.CancelOperationRequest,
        reply=Empty,
        path="/v1/{name}:cancel",
    ),
)
_ODP = "/taskassignment/v1/population/{population_name}"
_TASKS = "/taskmanagement/v1/population/{population_name}"
ODP: Final = (
    Call(
        name="CreateTaskAssignment",
        request=odp_task_assignments.CreateTaskAssignmentRequest,
        reply=odp_task_assignments.CreateTaskAssignmentResponse,
        path=_ODP + ":create-task-assignment",
    ),
    Call(
        name="ReportResult",
        request=odp_task_assignments.ReportResultRequest,
        reply=odp_task_assignments.ReportResultResponse,
        method="PUT",
        path=_ODP
        + "/task/{task_id}/aggregation/{aggregation_id}"
        + "/task-assignment/{assignment_id}:report-result",
    ),
    Call(
        name="CreateTask",
        request=odp_task.CreateTaskRequest,
        reply=odp_task.CreateTaskResponse,
        path=_TASKS + ":create-task",
    ),
    Call(
        name="GetTaskById",
        request=Empty,
        reply=odp_task.GetTaskByIdResponse,
        method="GET",
        path=_TASKS + "/tasks/{task_id}:get",
    ),
    Call(
        name="CancelTask",
        request=Empty,
        reply=odp_task.GetTaskByIdResponse,
        path=_TASKS + "/tasks/{task_id}:cancel",
    ),
)
BUILDER: Final = (
    Call(
        name="BuildTaskGroup",
        request=task_builder.BuildTaskRequest,
        reply=task_builder.BuildTaskResponse,
        path="/taskbuilder/v1:build-task-group",
    ),
    Call(
        name="BuildArtifacts",
        request=task_builder.BuildTaskRequest,
        reply=task_builder.BuildTaskResponse,
        path="/taskbuilder/v1:build-artifacts",
    ),
)
FEDERATED_COMPUTE: Final = (
    *ELIGIBILITY,
    *ASSIGNMENTS,
    *AGGREGATIONS,
    *SECURE,
    *CONFIDENTIAL,
    *OPERATIONS,
)
CALLS: Final = (*FEDERATED_COMPUTE, *ODP, *BUILDER)


def by_name(name: str) -> Call:
    """The call of this name."""
    return next(call for call in CALLS if call.name == name)


def operation_named(name: str) -> tuple[str, dict[str, str]] | None:
    """The call whose ended operation has this name, and what it is known by; none if it has not."""
    verb, *parts = name.removeprefix("operations/").split("/")
    for call in CALLS:
        if call.verb == verb and call.known_by and len(call.known_by) == len(parts):
            try:
                read = [urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode() for part in parts]
            except ValueError:
                return None
            return call.name, dict(zip(call.known_by, read, strict=True))
    return None


def find(method: str, path: str) -> tuple[Call, dict[str, str]] | None:
    """The call that a request over HTTP means, and what stands in its path."""
    for end in (path.rpartition(":")[2], ""):
        for call in _BY_END.get((method, end), ()):
            fields = call.matched(method, path)
            if fields is not None:
                return call, fields
    return None


def _by_end() -> dict[tuple[str, str], list[Call]]:
    """All calls by their method and what stands behind the colon in their path."""
    found: dict[tuple[str, str], list[Call]] = {}
    for call in CALLS:
        end = call.path.rpartition(":")[2] if ":" in call.path else ""
        found.setdefault((call.method, end), []).append(call)
    return found


_BY_END: Final = _by_end()


def services() -> Iterator[tuple[str, tuple[Call, ...]]]:
    """The gRPC services, with their calls."""
    for name in dict.fromkeys(call.service for call in CALLS if call.service):
        yield name, tuple(call for call in CALLS if call.service == name)
