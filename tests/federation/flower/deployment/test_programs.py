"""How Flower's programs are started."""

from pathlib import Path

import pytest

from ame import errors, runs
from ame.federation.flower.deployment import programs
from ame.federation.flower.deployment.control import Standing
from ame.federation.flower.deployment.programs import Tls
from ame.federation.flower.links import Link
from parts.servers import superlink


def test_this_machine_reaches_a_superlink_by_a_name_of_its_certificate(tmp_path: Path) -> None:
    tls = Tls.read(superlink.certificates(tmp_path, "link.example"))

    argv = programs.superlink(
        Link(address="localhost:8000"), host="0.0.0.0", tls=tls, known_nodes=True, secret=Path("s")
    )

    assert tls.name() == "localhost"
    for words in (
        ("--ssl-ca-certfile", str(tls.authority)),
        ("--host", "0.0.0.0", "--port", "8000"),
        ("--enable-supernode-auth", "--superexec-auth-secret-file", "s"),
    ):
        at = argv.index(words[0])
        assert argv[at : at + len(words)] == words
    assert "--insecure" not in argv


def test_a_folder_without_the_files_is_refused(tmp_path: Path) -> None:
    superlink.certificates(tmp_path)
    (tmp_path / "server.key").unlink()

    with pytest.raises(errors.SuperLinkTlsInvalid, match=r"has no `server\.key`"):
        Tls.read(tmp_path)


def test_a_certificate_that_is_none_is_refused(tmp_path: Path) -> None:
    tls = Tls.read(superlink.certificates(tmp_path))
    tls.certificate.write_text("none")

    with pytest.raises(errors.SuperLinkTlsInvalid, match=r"server\.pem"):
        tls.name()


def test_an_apps_packages_go_before_all_others(tmp_path: Path) -> None:
    found = programs.environment(tmp_path, {"AME_APP_PACKAGES": "/app", "PYTHONPATH": "/mine"})

    paths = found["PYTHONPATH"].split(":")
    assert (paths[0], paths[-1]) == ("/app", "/mine")
    assert (Path(paths[1]) / "ame").is_dir()


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("pending", runs.State.PENDING),
        ("starting", runs.State.PENDING),
        ("running", runs.State.RUNNING),
        ("finished:completed", runs.State.SUCCEEDED),
        ("finished:failed", runs.State.FAILED),
        ("finished:stopped", runs.State.CANCELLED),
        ("finished:anything", runs.State.FAILED),
    ],
)
def test_flowers_words_for_a_run_are_ours(status: str, state: runs.State) -> None:
    assert Standing(status=status).state is state
