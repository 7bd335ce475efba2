"""The server as a process: `ame server start`, over HTTP, gRPC and TLS."""

import asyncio
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from grpc import aio

from ame import errors
from ame.protocol import calls
from ame.protocol.pb import eligibility_eval_tasks as eets
from ame.protocol.pb import task_assignments
from ame.protocol.wires import grpc
from parts import certificates, waiting

START = calls.by_name("StartTaskAssignment")
CHECK_IN = calls.by_name("RequestEligibilityEvalTask")


@contextmanager
def started(folder: Path, *options: str, told: Path | None = None) -> Iterator[list[str]]:
    """The words of its first line; it has to end well. `told` is where it tells what it refuses."""
    command = [sys.executable, "-m", "ame", "server", "start", "--port", "0", *options]
    variables = {**os.environ, "AME_HOME": str(folder / "home")}
    told = told or folder / "told"
    with (
        told.open("w") as errs,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errs, text=True, env=variables
        ) as process,
    ):
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)
        assert process.returncode == 0, told.read_text()


def test_it_serves_over_http_and_grpc_until_ctrl_c(tmp_path: Path) -> None:
    async def ask(at: str) -> None:
        async with aio.insecure_channel(at) as channel:
            client = grpc.Client(channel=channel)
            session = await client.send(
                CHECK_IN, eets.EligibilityEvalTaskRequest(population_name="p")
            )
            assert isinstance(session, eets.EligibilityEvalTaskResponse)
            start = task_assignments.StartTaskAssignmentRequest(
                population_name="p", session_id=session.session_id
            )
            reply = await client.send(START, start)
            assert isinstance(reply, task_assignments.StartTaskAssignmentResponse)
            assert reply.rejection_info.reason == 5
            with pytest.raises(errors.CallFailed, match="no population q"):
                await client.send(CHECK_IN, eets.EligibilityEvalTaskRequest(population_name="q"))

    with started(tmp_path, "--open", "--grpc-port", "0") as words:
        address = words[2].rstrip(",")
        made = httpx.put(f"{address}/api/v1/populations/p", json={})
        assert made.status_code == 200
        asyncio.run(ask(words[-1]))


def test_an_operators_token_is_made_for_the_folder_and_kept(tmp_path: Path) -> None:
    with started(tmp_path) as words:
        token = (tmp_path / "home" / "server" / "operator-token").read_text().strip()
        assert httpx.get(f"{words[2]}/api/v1/tasks").status_code == 401
        shown = {"authorization": f"Bearer {token}"}
        assert httpx.get(f"{words[2]}/api/v1/tasks", headers=shown).json() == []


def test_a_refused_request_leaves_one_line_on_standard_error(tmp_path: Path) -> None:
    told = tmp_path / "told"
    with started(tmp_path, "--open", told=told) as words:
        malformed = httpx.post(f"{words[2]}/v1/eligibilityevaltasks/p:request", content=b"\xff")
        assert malformed.status_code == 400
        forged = f"{words[2]}/v1/eligibilityevaltasks/p%0A2026-01-01%20INFO%20forged:request"
        assert httpx.post(forged).status_code == 404
        lines = told.read_text().splitlines()
    assert [line for line in lines if "the message cannot be read" in line and "INFO" in line]
    [named] = [line for line in lines if "forged" in line]
    assert "no population p\\n2026" in named


def test_what_is_told_on_standard_error_can_be_less(tmp_path: Path) -> None:
    told = tmp_path / "told"
    with started(tmp_path, "--open", "--log-level", "warning", told=told) as words:
        assert httpx.get(f"{words[2]}/nowhere").status_code == 404
        assert told.read_text() == ""


def test_devices_show_a_certificate_where_an_authority_is_named(tmp_path: Path) -> None:
    authority, stranger = certificates.authority(), certificates.authority("stranger")
    authority.write(tmp_path / "ca.pem")
    for name, by in (("server", authority), ("mine", authority), ("other", stranger)):
        by.issue(name).write(tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
    own = ("--certificate", str(tmp_path / "server.pem"), "--key", str(tmp_path / "server.key"))

    with started(tmp_path, *own, "--open", "--client-ca", str(tmp_path / "ca.pem")) as words:
        trusting = ssl.create_default_context(cafile=tmp_path / "ca.pem")
        trusting.load_cert_chain(tmp_path / "mine.pem", tmp_path / "mine.key")
        assert httpx.get(f"{words[2]}/healthz", verify=trusting).status_code == 200

        wrong = ssl.create_default_context(cafile=tmp_path / "ca.pem")
        wrong.load_cert_chain(tmp_path / "other.pem", tmp_path / "other.key")
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{words[2]}/healthz", verify=wrong)


def test_open_doors_are_for_this_machine_alone(tmp_path: Path) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "ame", "server", "start", "--host", "0.0.0.0", "--open"],
        capture_output=True,
        text=True,
        env={**os.environ, "AME_HOME": str(tmp_path)},
    )

    assert refused.returncode == 3
    assert "--operator-token" in refused.stderr


STUCK = """
import asyncio, pathlib, sys, time
from ame.server.calls import doors
from ame.server import serving

def ready(http, grpc):
    for reader in (None, None):
        asyncio.get_running_loop().run_in_executor(reader, time.sleep, 3600)
    print(http, flush=True)

serving.LINGER = float(sys.argv[2])
place = serving.Place(folder=pathlib.Path(sys.argv[1]), port=0, doors=doors.Doors(open=True))
serving.run(place, ready)
"""


@contextmanager
def stuck(folder: Path, linger: float) -> Iterator[subprocess.Popen[str]]:
    """A server of which threads are at work for an hour."""
    command = [sys.executable, "-c", STUCK, str(folder), str(linger)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_server_ends_though_its_threads_are_at_work(tmp_path: Path) -> None:
    with stuck(tmp_path, 0.5) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://")
        process.terminate()

        assert process.wait(60) == 0


def test_a_second_ctrl_c_ends_a_server_at_once(tmp_path: Path) -> None:
    with stuck(tmp_path, 3600) as process:
        assert process.stdout is not None
        at = process.stdout.readline().strip()
        process.send_signal(signal.SIGINT)
        assert waiting.eventually(lambda: not answers(at))
        process.send_signal(signal.SIGINT)

        assert process.wait(60) == -signal.SIGINT


def answers(at: str) -> bool:
    try:
        return httpx.get(f"{at}/healthz").is_success
    except httpx.TransportError:
        return False
