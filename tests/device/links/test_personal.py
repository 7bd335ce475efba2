"""A device that speaks the On-Device Personalization dialect, and a server that asks what it is."""

import asyncio
import base64
import gzip
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ame import errors
from ame.device import memory
from ame.device.device import Device
from ame.device.links import link
from ame.device.links.personal import Personal
from ame.device.plans import Plans
from ame.device.visit import Outcome
from ame.protocol.pb import common, odp_task_assignments
from ame.server.calls.attestation import EXTENSION, Chains
from ame.server.calls.revocation import Revocations
from device import devices
from device.devices import Died, Place, Through
from parts import certificates
from server import fleets

Use = Callable[[Place], Awaitable[None]]


def at(folder: Path, use: Use, **more: Any) -> None:
    async def main() -> None:
        serving = fleets.running(folder, str(folder / "fleet.sqlite"), plain=False, **more)
        async with serving as server, Plans() as plans:
            await server.app.management.put_population("p", {})
            await use(Place(server=server, plans=plans, folder=folder))

    asyncio.run(main())


def personal(
    place: Place,
    *,
    through: Through | None = None,
    kept: Any = None,
    attest: Callable[[bytes], Sequence[str]] | None = None,
    examples: Any = devices.USUAL,
) -> Device:
    kept = kept or memory.Brief()
    own = place.device(through=through or Through(place.server.peer.client), memory=kept)
    assert isinstance(own.link, link.Link)
    speaks = Personal(
        link=own.link,
        memory=kept,
        examples=examples,
        clock=place.server.clock,
        authorization="7b0f7a0e-0000-4000-8000-000000000001",
        attest=attest,
    )
    return Device(
        population="p",
        link=speaks,
        memory=kept,
        examples=examples,
        plans=place.plans,
        resources=own.resources,
        clock=place.server.clock,
    )


async def rounds(place: Place, number: int) -> Any:
    return (await place.task_of(number))["rounds"]


def test_a_device_contributes_in_three_requests_and_its_downloads(tmp_path: Path) -> None:
    async def use(place: Place) -> None:
        number = await place.task(min_aggregation_size=1, total_iteration=1)
        through = Through(place.server.peer.client)

        seen = await personal(place, through=through).visit()
        await place.server.app.leader.step()

        assert (seen.outcome, seen.task) == (Outcome.CONTRIBUTED, f"p/{number}")
        asked = [path.partition("/task/")[0].partition("/gradients/")[0] for path in through.sent]
        assert asked.count("POST /taskassignment/v1/population/p:create-task-assignment") == 1
        assert sum(each.startswith("PUT ") for each in asked) == 2
        assert (await rounds(place, number))[0]["metrics"] == {"loss": 0.5}

    at(tmp_path, use)


def test_what_is_handed_in_is_encrypted(tmp_path: Path) -> None:
    bodies: list[bytes] = []

    class Listening(Through):
        async def send(self, method: str, url: str, headers: Any, body: bytes) -> Any:
            bodies.append(body)
            return await super().send(method, url, headers, body)

    async def use(place: Place) -> None:
        await place.task(min_aggregation_size=1, total_iteration=1)
        through = Listening(place.server.peer.client)
        assert (await personal(place, through=through).visit()).outcome is Outcome.CONTRIBUTED
        sealed = json.loads(gzip.decompress(bodies[-1]))
        assert set(sealed) == {"keyId", "encryptedPayload", "associatedData"}
        assert base64.b64decode(sealed["associatedData"]) == b"{}"

    at(tmp_path, use)


def test_a_device_that_is_not_eligible_says_so_and_frees_its_place(tmp_path: Path) -> None:
    info = {
        "training_info": {
            "eligibility_task_info": {
                "eligibility_policies": [
                    {"id": "data", "data_availability_policy": {"min_example_count": 3}},
                    {"id": "far", "min_sep_policy": {"minimum_separation": 2}},
                ]
            }
        },
        "traffic_weight": 1,
    }

    async def use(place: Place) -> None:
        number = await place.task(min_aggregation_size=1, total_iteration=9, info=info)
        assert (await personal(place).visit()).outcome is Outcome.TURNED_AWAY
        states = await place.server.app.fleet.database.read(
            lambda rows: rows.execute("SELECT status FROM assignments")
        )
        assert states == [(103,)]
        assert (await rounds(place, number))[0]["active"] == 0

    at(tmp_path, use)


def test_a_device_keeps_its_distance_from_its_last_contribution(tmp_path: Path) -> None:
    policy = {"id": "far", "min_sep_policy": {"minimum_separation": 2}}
    asked = {"training_info": {"eligibility_task_info": {"eligibility_policies": [policy]}}}

    async def use(place: Place) -> None:
        await place.task(
            min_aggregation_size=1, total_iteration=9, info={**asked, "traffic_weight": 1}
        )
        kept = memory.Brief()
        came = []
        for _ in range(4):
            own = personal(place, kept=kept)
            came.append((await own.visit()).outcome is Outcome.CONTRIBUTED)
            other = personal(place)
            if not came[-1]:
                assert (await other.visit()).outcome is Outcome.CONTRIBUTED
            await place.server.app.leader.step()
        assert came == [True, False, True, False]
        assert kept.kept.past.indices == {"far": 3}

    at(tmp_path, use)


@pytest.mark.parametrize("number", range(7))
def test_a_device_that_dies_at_any_step_contributes_once(tmp_path: Path, number: int) -> None:
    async def use(place: Place) -> None:
        task = await place.task(min_aggregation_size=1, max_aggregation_size=3, total_iteration=1)
        kept = memory.Brief()
        dying = Through(place.server.peer.client, after=devices.dies(number))
        try:
            await personal(place, through=dying, kept=kept).visit()
        except Died:
            seen = await personal(place, kept=kept).visit()
            assert seen.outcome is Outcome.CONTRIBUTED
        await place.server.app.leader.step()
        assert (await rounds(place, task))[0]["accepted"] == 1

    at(tmp_path, use)


def test_a_plan_that_fails_is_reported(tmp_path: Path) -> None:
    async def use(place: Place) -> None:
        await place.task(client_plan=devices.query_plan("missing"), min_aggregation_size=1)
        assert (await personal(place).visit()).outcome is Outcome.FAILED
        states = await place.server.app.fleet.database.read(
            lambda rows: rows.execute("SELECT status FROM assignments")
        )
        assert states == [(105,)]

    at(tmp_path, use)


def test_a_device_whose_task_is_canceled_asks_for_no_other_in_the_same_visit(
    tmp_path: Path,
) -> None:
    async def use(place: Place) -> None:
        canceled = await place.task()

        class Canceled(Through):
            async def send(self, method: str, url: str, *rest: Any) -> Any:
                if url.endswith(":report-result?%24alt=proto"):
                    path = f"/api/v1/populations/p/tasks/{canceled}/cancel"
                    await place.server.peer.client.post(path)
                return await super().send(method, url, *rest)

        through = Canceled(place.server.peer.client)
        seen = await personal(place, through=through).visit()

        assert (seen.outcome, "it has ended" in seen.why) == (Outcome.UNNEEDED, True)
        asked = [each for each in through.sent if "create-task-assignment" in each]
        assert len(asked) == 1

    at(tmp_path, use)


# --- attestation


class Maker:
    """One who makes genuine devices."""

    def __init__(self) -> None:
        self._own = certificates.authority("root")
        self.root = self._own.certificate

    def chain(self, challenge: bytes, *, extension: bool = True) -> list[str]:
        middle = self._own.issue("middle", ca=True)
        own = middle.issue("own", extension=_described(challenge) if extension else None)
        return [
            base64.b64encode(each.public_bytes(serialization.Encoding.DER)).decode()
            for each in (own.certificate, middle.certificate, self.root)
        ]


def _described(challenge: bytes) -> x509.UnrecognizedExtension:
    inner = b"\x02\x01\x03\x0a\x01\x01\x02\x01\x04\x0a\x01\x01"
    inner += b"\x04" + bytes([len(challenge)]) + challenge + b"\x04\x00"
    return x509.UnrecognizedExtension(EXTENSION, b"\x30" + bytes([len(inner)]) + inner)


@pytest.fixture(scope="module")
def maker() -> Maker:
    return Maker()


def test_a_genuine_device_shows_it_once_and_is_let_in_for_a_while(
    tmp_path: Path, maker: Maker
) -> None:
    asked: list[bytes] = []

    def attest(challenge: bytes) -> list[str]:
        asked.append(challenge)
        return maker.chain(challenge)

    async def use(place: Place) -> None:
        await place.task(min_aggregation_size=5, total_iteration=9)
        assert (await personal(place, attest=attest).visit()).outcome is Outcome.CONTRIBUTED
        assert (await personal(place, attest=attest).visit()).outcome is Outcome.CONTRIBUTED
        assert len(asked) == 1
        place.server.clock.now += 8 * 86400
        assert (await personal(place, attest=attest).visit()).outcome is Outcome.CONTRIBUTED
        assert len(asked) == 2

    at(tmp_path, use, verifier=Chains(roots=[maker.root]))


@pytest.mark.parametrize(
    ("forged", "why"),
    [
        (lambda _, challenge: Maker().chain(challenge), "UNAUTHORIZED"),
        (lambda maker, _: maker.chain(b"another"), "UNAUTHORIZED"),
        (lambda maker, challenge: maker.chain(challenge, extension=False), "UNAUTHORIZED"),
        (lambda maker, challenge: maker.chain(challenge)[::-1], "UNAUTHORIZED"),
        (lambda maker, challenge: maker.chain(challenge)[:1], "UNAUTHORIZED"),
        (lambda *_: ["AAAA"], "UNAUTHENTICATED"),
        (lambda *_: ["no base 64"], "UNAUTHENTICATED"),
        (lambda *_: [], "UNAUTHENTICATED"),
    ],
)
def test_a_device_that_is_not_genuine_gets_nothing(
    tmp_path: Path, maker: Maker, forged: Callable[[Maker, bytes], list[str]], why: str
) -> None:
    async def use(place: Place) -> None:
        await place.task(min_aggregation_size=5)
        own = personal(place, attest=lambda challenge: forged(maker, challenge))
        seen = await own.visit()
        if why == "UNAUTHENTICATED":
            assert (seen.outcome, seen.why) == (Outcome.TURNED_AWAY, why)
            assert 60 <= seen.wait <= 300
        else:
            assert seen.outcome is Outcome.FAILED  # the status is 403

    at(tmp_path, use, verifier=Chains(roots=[maker.root]))


@pytest.mark.parametrize("place_", range(3))
def test_a_chain_with_a_revoked_certificate_is_not_genuine(
    tmp_path: Path, maker: Maker, place_: int
) -> None:
    chain = [base64.b64decode(each) for each in maker.chain(b"c")]
    listed = tmp_path / "status.json"
    listed.write_text('{"entries": {}}')
    checks = Chains(roots=[maker.root], revoked=Revocations(listed).serials)
    assert asyncio.run(checks.genuine(chain, b"c"))
    serial = x509.load_der_x509_certificate(chain[place_]).serial_number
    listed.write_text(json.dumps({"entries": {f"{serial:x}": {"status": "REVOKED"}}}))
    assert not asyncio.run(checks.genuine(chain, b"c"))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"entries": {"no number": {}}}', None])
def test_a_list_of_revoked_certificates_that_cannot_be_read_lets_nobody_in(
    tmp_path: Path, maker: Maker, content: str | None
) -> None:
    chain = [base64.b64decode(each) for each in maker.chain(b"c")]
    listed = tmp_path / "status.json"
    listed.write_text('{"entries": {"00ff": {"status": "REVOKED"}}}')
    checks = Chains(roots=[maker.root], revoked=Revocations(listed).serials)
    listed.unlink() if content is None else listed.write_text(content)
    with pytest.raises(errors.RevocationsUnreadable, match=r"status\.json"):
        asyncio.run(checks.genuine(chain, b"c"))


def test_statuses_and_reasons_are_those_of_the_table(tmp_path: Path, maker: Maker) -> None:
    class Silent:
        async def genuine(self, chain: Sequence[bytes], challenge: bytes) -> bool:
            raise errors.CallsTooMany(1)

    path = "/taskassignment/v1/population/p:create-task-assignment?%24alt=proto"
    own = {"odp-authorization-key": "me"}

    async def ask(place: Place, headers: dict[str, str]) -> tuple[int, str]:
        got = await place.server.peer.client.post(path, headers=headers)
        said = odp_task_assignments.CreateTaskAssignmentResponse.FromString(got.content)
        return got.status_code, common.RejectionReason.Enum.Name(said.rejection_info.reason)

    async def use(place: Place) -> None:
        assert await ask(place, {}) == (401, "UNAUTHENTICATED")
        assert await ask(place, own) == (401, "UNAUTHENTICATED")
        bad = {**own, "odp-authentication-key": "{"}
        assert await ask(place, bad) == (200, "UNAUTHENTICATED")
        others = {**own, "odp-authentication-key": json.dumps(maker.chain(b"x"))}
        assert await ask(place, others) == (403, "UNAUTHORIZED")

    async def silent(place: Place) -> None:
        shown = {**own, "odp-authentication-key": '["AAAA"]'}
        assert await ask(place, shown) == (200, "UNAUTHORIZED")

    at(tmp_path, use, verifier=Chains(roots=[maker.root]))
    at(tmp_path / "silent", silent, verifier=Silent())
