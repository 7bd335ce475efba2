"""Apps on Flower's own engine: a real SuperLink and real SuperNodes, in processes of their own."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ame import errors
from ame.federation import flower
from ame.federation.flower.apps import app
from ame.federation.flower.deployment import children, hosting, programs, running
from ame.federation.flower.deployment.control import Control
from ame.federation.flower.links import Link
from ame.process import tree
from parts.simulated import Seen
from parts.waiting import eventually

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore:GitWildMatchPattern"),  # Flower's own
]
APPS = Path(__file__).parents[1] / "apps"
LONG = 400.0
"""Seconds: each message to a node costs a process, and machines may be busy."""


def bundle(name: str) -> bytes:
    return app.bundle(flower.read(APPS / name))


@contextmanager
def nothing_left() -> Iterator[None]:
    before = {entry.pid for entry in tree.below(os.getpid())}
    yield
    after = {entry.pid for entry in tree.below(os.getpid())}
    assert after <= before


class Acts(Seen):
    """Does something once, when the server's log says a word."""

    def __init__(
        self, word: str, act: Callable[[hosting.Hosted], None], file: Path | None = None
    ) -> None:
        """`file` comes to be when something is started again."""
        super().__init__()
        self.file = file
        self._word, self._act = word.encode(), act
        self._said = b""
        self.hosted: hosting.Hosted | None = None
        self.acted = False

    def printed(self, site: str, chunk: bytes) -> None:
        super().printed(site, chunk)
        if site == "server" and not self.acted:
            self._said += chunk
            if self._word in self._said and self.hosted is not None:
                self.acted = True
                self._act(self.hosted)

    def note(self, text: str) -> None:
        super().note(text)
        if "is started again" in text and self.file is not None:
            self.file.touch()

    def begun(self, hosted: hosting.Hosted) -> None:
        self.hosted = hosted


def kill(name: str) -> Callable[[hosting.Hosted], None]:
    return lambda hosted: os.kill(hosted.pid(name), signal.SIGKILL)


def told(seen: Seen) -> dict[tuple[str, int | None], Any]:
    return {(name, each.step): value for _, each in seen.records for name, value in each.numbers()}


def test_an_app_completes_though_its_superlink_is_killed_in_the_middle(tmp_path: Path) -> None:
    # while a message is on its way Flower cannot bear that: its server waits for the file meanwhile
    file = tmp_path / "go on"
    seen = Acts("Global evaluation", kill(hosting.LINK), file)

    with nothing_left():
        running.run(
            bundle("newest"),
            {"num-server-rounds": 2, "waits": str(file)},
            workspace=tmp_path,
            sites=["north", "south"],
            watcher=seen,
            begun=seen.begun,
        )

    assert seen.acted
    assert "the SuperLink was ended by signal 9, and is started again (1)" in seen.notes
    assert np.load(tmp_path / "server" / "model.npy") == pytest.approx(2 / 3 * 0.75)
    measured = told(seen)
    assert measured["sites", 1] == 2
    assert measured["loss", 1] == pytest.approx(2 / 3)
    assert measured["central/mean", 1] == pytest.approx(1 / 3)
    assert b"trained 0 of 2" in seen.prints["north"] + seen.prints["south"]


def test_a_superlink_that_is_silent_is_ended_and_started_again(tmp_path: Path) -> None:
    seen = Seen()
    with (
        nothing_left(),
        hosting.Hosted(
            hosting.Hosting(silence=0.5), (), folder=tmp_path, results=tmp_path, watcher=seen
        ) as hosted,
    ):
        hosted.await_link()
        before = hosted.pid(hosting.LINK)
        os.kill(before, signal.SIGSTOP)

        assert eventually(lambda: looked(hosted) and any("again" in n for n in seen.notes), LONG)
        hosted.await_link()

        assert hosted.pid(hosting.LINK) != before
    assert seen.notes[:2] == [
        "the SuperLink is silent for 0.5 s, and is ended",
        "the SuperLink was ended by signal 9, and is started again (1)",
    ]


def looked(hosted: hosting.Hosted) -> bool:
    hosted.look()
    return True


def test_a_run_whose_serverapp_is_killed_has_failed_and_says_so(tmp_path: Path) -> None:
    seen = Acts("[INIT]", kill(hosting.LEADER))

    with nothing_left(), pytest.raises(errors.FlowerRunFailed, match="signal 9"):
        running.run(
            bundle("oldest"),
            {},
            workspace=tmp_path,
            sites=["north", "south"],
            watcher=seen,
            begun=seen.begun,
        )


@contextmanager
def of_others(folder: Path) -> Iterator[Link]:
    """A SuperLink and two SuperNodes as anybody starts them."""
    folder.mkdir()
    ports = children.free(3)
    address = f"127.0.0.1:{ports[0]}"
    commands = [["flower-superlink", "--insecure", "--port", f"{ports[0]}"]]
    commands += [
        [
            *("flower-supernode", "--insecure", "--superlink", address, "--port", f"{port}"),
            *("--node-config", f"partition-id={place} num-partitions=2"),
        ]
        for place, port in enumerate(ports[1:])
    ]
    environment = programs.environment(folder / "home")
    started: list[subprocess.Popen[bytes]] = []
    for command in commands:
        with (folder / f"{len(started)}.log").open("wb") as log:
            started.append(
                subprocess.Popen(
                    command, stdout=log, stderr=log, cwd=folder, env=environment,
                    start_new_session=True,
                )
            )  # fmt: skip
    link = flower.link(f"http://{address}")
    try:
        with Control(link) as control:
            assert eventually(lambda: answers(control), LONG)
        yield link
    finally:
        for each in started:
            each.terminate()
        for each in started:
            try:
                each.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(each.pid, signal.SIGKILL)
                each.wait()


def answers(control: Control) -> bool:
    try:
        return control.nodes() == 2
    except errors.FlowerUnreachable:
        return False


def test_a_superlink_of_others_is_used_and_a_run_on_it_found_again(tmp_path: Path) -> None:
    with of_others(tmp_path / "others") as link, Control(link) as control:
        first, second = Cut(), Seen()
        with pytest.raises(Cut.Gone):
            submit(link, tmp_path, first)

        submit(link, tmp_path, second, again=True)

        assert any("is found again" in note for note in second.notes)
        assert not any("is submitted" in note for note in second.notes)
        assert told(second)["central/loss", 1] >= 0

        stopping = Acts("[INIT]", lambda _: None)
        stops = threading.Thread(target=stop, args=(control, stopping))
        stops.start()
        with pytest.raises(errors.FlowerRunStopped):
            submit(link, tmp_path, stopping)
        stops.join()

        with pytest.raises(errors.FlowerRefused):
            running.run(b"no bundle", {}, workspace=tmp_path, link=link)


def submit(link: Link, workspace: Path, watcher: Seen, *, again: bool = False) -> None:
    config = {"num-server-rounds": 1}
    running.run(
        bundle("oldest"), config, workspace=workspace, link=link, again=again, watcher=watcher
    )


class Cut(Seen):
    """Goes away without a word when the run is submitted, as a killed process does."""

    class Gone(errors.FlowerUnreachable):
        def __init__(self) -> None:
            super().__init__("the test", "", "", "")

    def note(self, text: str) -> None:
        super().note(text)
        if "is submitted" in text:
            raise self.Gone


def stop(control: Control, seen: Seen) -> None:
    """Ends a run from elsewhere, as `flwr stop` does, when it is submitted."""

    def number() -> int | None:
        noted = (note.split() for note in list(seen.notes) if "is submitted" in note)
        return next((int(words[1]) for words in noted), None)

    assert eventually(lambda: number() is not None, LONG)
    found = number()
    assert found is not None
    control.stop(found)


def test_a_superlink_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.FlowerUnreachable, match=r"127\.0\.0\.1:9 does not answer"):
        running.run(b"", {}, workspace=tmp_path, link=flower.link("http://127.0.0.1:9"))
