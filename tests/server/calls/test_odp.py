"""The On-Device Personalization dialect."""

import gzip
import logging
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.empty_pb2 import Empty

from ame import errors
from ame.protocol import calls, payloads
from ame.protocol.pb import common, odp_task, odp_task_assignments
from ame.protocol.tensors import checkpoint
from ame.server.ledger import assignments, rounds
from ame.server.settings import Settings
from ame.server.visits.assignments import AssignmentStatus
from ame.server.visits.payloads import kept
from server.fleets import PLAN, Running, update

Run = Callable[..., None]
Report = odp_task_assignments.ReportResultRequest
CONTENT = checkpoint.to_bytes(update(1, 2, 3))
VISIT = "1700000000000 - a-uuid"
"""What a device says of itself."""


async def check_in(server: Running, version: str = "1") -> Any:
    asked = odp_task_assignments.CreateTaskAssignmentRequest()
    asked.client_version.version_code = version
    asked.resource_capabilities.supported_compression_formats.append(
        common.RESOURCE_COMPRESSION_FORMAT_GZIP
    )
    return await server.peer.ask("CreateTaskAssignment", asked, population_name="p")


async def report(server: Running, assigned: Any, result: int) -> Any:
    ids = {
        "population_name": assigned.population_name,
        "task_id": assigned.task_id,
        "aggregation_id": assigned.aggregation_id,
        "assignment_id": assigned.assignment_id,
    }
    return await server.peer.ask("ReportResult", Report(result=result), **ids)  # type: ignore[arg-type]  # a number of the enum


async def upload(server: Running, reported: Any, content: bytes) -> int:
    place = reported.upload_instruction
    headers = dict(place.extra_request_headers)
    sent = await server.peer.client.put(place.upload_location, content=content, headers=headers)
    return sent.status_code


async def only_round(server: Running) -> Any:
    [only] = await server.app.fleet.database.read(lambda rows: rounds.rounds(rows, "p", 1))
    return only


def test_a_device_checks_in_downloads_reports_and_uploads(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        assigned = (await check_in(server)).task_assignment
        assert (assigned.population_name, assigned.task_id) == ("p", "1")
        plan = await server.peer.client.get(assigned.plan.uri, headers={"accept-encoding": "gzip"})
        assert (plan.content, plan.headers["content-encoding"]) == (PLAN, "gzip")
        reported = await report(server, assigned, Report.COMPLETED)

        assert await upload(server, reported, gzip.compress(CONTENT)) == 200

        assert (await only_round(server)).accepted == 1

    run(use)


def test_a_payload_that_is_encrypted_for_the_server_counts(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        assigned = (await check_in(server)).task_assignment
        reported = await report(server, assigned, Report.COMPLETED)
        [key] = (await server.peer.client.get("/v1/keys")).json()["keys"]
        public = server.app.payloads.newest().public
        sealed = payloads.sealed(gzip.compress(CONTENT), key["id"], public)

        assert await upload(server, reported, gzip.compress(sealed)) == 200

        assert (await only_round(server)).accepted == 1
        await server.app.leader.step()

    run(use, plain=False)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: CONTENT,
        lambda sealed: sealed.replace(b'"keyId": "', b'"keyId": "x'),
        lambda sealed: sealed.replace(b'"associatedData": "', b'"associatedData": "e30='),
        lambda sealed: sealed[: len(sealed) // 2],
    ],
    ids=["plain", "another key", "changed", "cut off"],
)
def test_a_payload_that_is_plain_or_was_changed_is_refused(
    run: Run, spoil: Callable[[bytes], bytes]
) -> None:
    async def use(server: Running) -> None:
        await server.task()
        assigned = (await check_in(server)).task_assignment
        reported = await report(server, assigned, Report.COMPLETED)
        newest = server.app.payloads.newest()
        sealed = spoil(payloads.sealed(CONTENT, newest.id, newest.public))

        assert await upload(server, reported, gzip.compress(sealed)) == 400

        only = await only_round(server)
        assert (only.accepted, only.active, only.failed) == (0, 0, 1)

    run(use, plain=False)


def test_what_cannot_be_opened_ends_its_assignment_for_good_with_the_reason(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ame.server")

    async def use(server: Running) -> None:
        await server.task(min_aggregation_size=1, max_aggregation_size=1)
        server.peer.headers = {"odp-idempotency-key": VISIT}
        assigned = (await check_in(server)).task_assignment
        reported = await report(server, assigned, Report.COMPLETED)
        newest = server.app.payloads.newest()
        good = payloads.sealed(gzip.compress(CONTENT), newest.id, newest.public)

        for content, status in (
            (gzip.compress(CONTENT), 400),
            (gzip.compress(good)[:-9], 400),
            (gzip.compress(good), 412),
        ):
            assert await upload(server, reported, content) == status
            [told] = (await server.app.management.explain("p", VISIT))["assignments"]
            why = "the payload cannot be opened: it is not encrypted"
            assert (told["status"], told["reason"]) == ("REMOTE_FAILED", why)
            assert why in caplog.text
        only = await only_round(server)
        assert (only.accepted, only.active, only.failed) == (0, 0, 1)
        server.peer.headers = {}
        other = (await check_in(server)).task_assignment
        assert await upload(server, await report(server, other, Report.COMPLETED), good) == 200

    run(use, plain=False)


@pytest.mark.parametrize(
    ("content", "status"),
    [(gzip.compress(bytes(5001)), 413), (gzip.compress(CONTENT)[:-9], 400)],
    ids=["too long", "cut off"],
)
def test_what_cannot_be_decompressed_gives_its_place_back(
    run: Run, content: bytes, status: int
) -> None:
    async def use(server: Running) -> None:
        await server.task()
        assigned = (await check_in(server)).task_assignment
        reported = await report(server, assigned, Report.COMPLETED)

        assert await upload(server, reported, content) == status

        only = await only_round(server)
        assert (only.accepted, only.active, only.failed) == (0, 0, 1)

    run(use, settings=Settings(upload_bytes=5000))


def test_keys_are_renewed_and_old_ones_still_open_what_they_closed(run: Run) -> None:
    async def use(server: Running) -> None:
        old = server.app.payloads.newest()
        await server.app.payloads.rotate(server.clock.now + 60)
        assert server.app.payloads.newest().id == old.id
        await server.app.payloads.rotate(server.clock.now + 8 * 86400)
        assert server.app.payloads.newest().id != old.id
        sealed = payloads.sealed(b"x", old.id, old.public)
        assert await server.app.payloads.opened(sealed) == b"x"

    run(use)


def test_a_payload_for_a_key_that_another_server_has_just_made_is_opened(run: Run) -> None:
    async def use(server: Running) -> None:
        own = server.app.payloads
        other = await kept(server.app.fleet.database, now=server.clock.now, plain=False)
        await other.rotate(server.clock.now + 8 * 86400)
        newest = other.newest()
        assert newest.id != own.newest().id

        assert await own.opened(payloads.sealed(b"x", newest.id, newest.public)) == b"x"

    run(use, plain=False)


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (Report.FAILED, AssignmentStatus.LOCAL_FAILED),
        (Report.NOT_ELIGIBLE, AssignmentStatus.LOCAL_NOT_ELIGIBLE),
        (Report.FAILED_EXAMPLE_GENERATION, AssignmentStatus.LOCAL_FAILED_EXAMPLE_GENERATION),
        (Report.FAILED_MODEL_COMPUTATION, AssignmentStatus.LOCAL_FAILED_MODEL_COMPUTATION),
        (Report.FAILED_OPS_ERROR, AssignmentStatus.LOCAL_FAILED_OPS_ERROR),
    ],
)
def test_each_failure_has_its_status_and_frees_the_place(
    run: Run, result: int, status: AssignmentStatus
) -> None:
    async def use(server: Running) -> None:
        await server.task()
        assigned = (await check_in(server)).task_assignment
        reported = await report(server, assigned, result)
        assert not reported.HasField("upload_instruction")
        kept = await server.app.fleet.database.read(
            lambda rows: assignments.seen(rows, assigned.assignment_id)
        )
        assert kept.status is status
        assert (await only_round(server)).active == 0
        with pytest.raises(errors.CallFailed):
            await report(server, assigned, Report.COMPLETED)

    run(use)


def test_reasons_and_windows_of_rejections_are_those_of_the_table(run: Run) -> None:
    async def use(server: Running) -> None:
        reasons = odp_task_assignments.CreateTaskAssignmentResponse
        await server.task(min_client_version="5", max_aggregation_size=2)
        assert isinstance(await check_in(server), reasons)
        refused = (await check_in(server)).rejection_info
        assert refused.reason == 4
        assert refused.retry_window.delay_min.seconds == 86400
        for _ in range(2):
            assert (await check_in(server, "5")).HasField("task_assignment")
        refused = (await check_in(server, "5")).rejection_info
        assert (refused.reason, refused.retry_window.delay_max.seconds) == (1, 300)
        await server.peer.ask("CancelTask", Empty(), population_name="p", task_id="1")
        refused = (await check_in(server, "5")).rejection_info
        assert (refused.reason, refused.retry_window.delay_max.seconds) == (5, 172800)

    run(use)


def test_an_address_is_good_for_its_assignment_and_for_a_while(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        assigned = (await check_in(server)).task_assignment
        reported = await report(server, assigned, Report.COMPLETED)
        location = reported.upload_instruction.upload_location
        assert (await server.peer.client.put(location + "x", content=CONTENT)).status_code == 404
        server.clock.now += 901
        assert await upload(server, reported, gzip.compress(CONTENT)) == 412

    run(use)


def test_ids_that_do_not_belong_together_are_refused(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        assigned = (await check_in(server)).task_assignment
        for field, value in (("aggregation_id", "other"), ("task_id", "2"), ("assignment_id", "x")):
            wrong = odp_task_assignments.TaskAssignment()
            wrong.CopyFrom(assigned)
            setattr(wrong, field, value)
            with pytest.raises(errors.CallFailed, match="no such assignment"):
                await report(server, wrong, Report.COMPLETED)

    run(use)


def test_a_task_that_cannot_be_is_refused(run: Run) -> None:
    async def use(server: Running) -> None:
        cases: list[dict[str, Any]] = [{"total_iteration": 0}, {"min_aggregation_size": 0}]
        for wrong in cases:
            with pytest.raises(errors.CallFailed, match="greater than 0"):
                await server.task(**wrong)
        with pytest.raises(errors.CallFailed, match="no task 9"):
            await server.peer.ask("GetTaskById", Empty(), population_name="p", task_id="9")
        with pytest.raises(errors.CallFailed, match="no task x"):
            await server.peer.ask("GetTaskById", Empty(), population_name="p", task_id="x")

    run(use)


def test_every_call_is_answered_or_says_that_it_is_not_served(run: Run) -> None:
    served = {"SecureAggregations", "ConfidentialAggregations"}

    async def use(server: Running) -> None:
        for call in calls.CALLS:
            fields = dict.fromkeys(call.names, "operations/x" if "name" in call.names else "x")
            sent = await server.peer.client.request(call.method, call.filled(fields))
            unserved = call.service.rpartition(".")[2] in served
            assert (sent.status_code == 501) == unserved, call.name
            assert sent.status_code < 500 or unserved, (call.name, sent.content)

    run(use)


def test_a_message_of_a_task_says_what_was_filled_in(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task(min_aggregation_size=10)
        found = await server.peer.ask("GetTaskById", Empty(), population_name="p", task_id="1")
        assert found.task.max_aggregation_size == 13
        assert found.task.info.HasField("training_info")
        assert found.task.status == odp_task.TaskStatus.OPEN

    run(use)


def test_a_device_that_had_no_answer_asks_again_and_gets_the_same_task(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        server.peer.headers = {"odp-idempotency-key": VISIT}
        first = (await check_in(server)).task_assignment
        assert (await check_in(server)).task_assignment.assignment_id == first.assignment_id
        known = await server.app.management.explain("p", VISIT)
        assert [each["status"] for each in known["assignments"]] == ["ASSIGNED"]
        server.peer.headers = {"odp-idempotency-key": "1700000000000 - another"}
        assert (await check_in(server)).task_assignment.assignment_id != first.assignment_id

    run(use)


def test_a_device_is_told_what_the_task_asks_of_it_however_that_was_said(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task(
            policies=[
                {"dataAvailabilityPolicy": {"minExampleCount": 5}},
                {"name": "far", "minSepPolicy": {"minimumSeparation": 2}},
            ]
        )
        told = (await check_in(server)).task_assignment.eligibility_task_info.eligibility_policies
        assert [each.id for each in told] == ["", "far"]
        assert told[0].data_availability_policy.min_example_count == 5
        assert told[1].min_sep_policy.minimum_separation == 2
        assert told[1].min_sep_policy.current_index == 1

    run(use)


@pytest.mark.parametrize(
    "policy",
    [
        {"sworPolicy": {"minPeriod": "86400s"}},
        {"dataAvailabilityPolicy": {"selector": {"collectionUri": "app://a"}}},
        {"minVersion": 2, "minSepPolicy": {"minimumSeparation": 2}},
        {"tfCustomPolicy": {}},
    ],
    ids=str,
)
def test_a_task_that_asks_what_cannot_be_said_to_a_device_is_not_given_to_it(
    run: Run, policy: dict[str, Any]
) -> None:
    async def use(server: Running) -> None:
        await server.task(policies=[policy])
        refused = (await check_in(server)).rejection_info
        assert refused.reason == common.RejectionReason.NO_TASK_AVAILABLE
        assert 60 <= refused.retry_window.delay_min.seconds <= 300
        await server.task()
        assert (await check_in(server)).task_assignment.task_id == "2"

    run(use)


def test_where_a_graph_decides_a_device_that_runs_none_gets_no_task(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        await server.app.management.put_population("p", {"eligibility": {"plan": "0" * 64}})
        refused = (await check_in(server)).rejection_info
        assert refused.reason == common.RejectionReason.NO_TASK_AVAILABLE

    run(use)
