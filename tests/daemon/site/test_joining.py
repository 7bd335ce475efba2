"""A site's SuperNode: how it is started, and when again."""

from datetime import UTC, datetime
from pathlib import Path

from ame.daemon.reports.messages import Ended
from ame.daemon.site import joining
from ame.daemon.site.joining import Joined, Place
from ame.federation.flower.deployment import keys
from ame.federation.flower.links import Link

AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_supernode_that_ends_again_and_again_rests_longer_each_time() -> None:
    rests = [joining.rest(falls) for falls in range(1, joining.FALLS + 1)]

    assert rests == [10, 20, 40, 60, 60, 60]


def test_flowers_own_reason_is_told() -> None:
    lines = ("INFO: up", "ERROR: Exit Code: 305", "[code: 2004] Failed to activate SuperNode.", "x")

    assert (
        joining.why(Ended(code=1, last_lines=lines, at=AT))
        == "ended with exit code 1: [code: 2004] Failed to activate SuperNode."
    )
    assert joining.why(Ended(code=None, signal=9, at=AT)) == "killed by SIGKILL"
    assert joining.why(None) == "nobody saw how it ended"


def test_a_supernode_shows_the_sites_key_where_the_superlink_asks_for_one(tmp_path: Path) -> None:
    place = Place(work=tmp_path, site="north pole", config="partition-id=0")
    safe = Link(address="link.example:1", root_certificates=tmp_path / "ca.crt")

    known = joining.command(Joined(link=safe, known=True), place)
    unknown = joining.command(
        Joined(link=Link(address="link.example:1", insecure=True), known=False), place
    )

    assert known[known.index("--node-config") + 1] == 'site="north pole" partition-id=0'
    assert known[known.index("--root-certificates") + 1] == str(tmp_path / "ca.crt")
    assert known[known.index("--auth-supernode-private-key") + 1] == str(place.key)
    assert "--insecure" in unknown
    assert "--auth-supernode-private-key" not in unknown


def test_a_key_is_made_once_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "client_info" / "north.key"

    first = keys.public(file)

    assert first.startswith(b"-----BEGIN PUBLIC KEY-----")
    assert keys.public(file) == first
    assert file.stat().st_mode & 0o77 == 0
    assert keys.public(tmp_path / "other.key") != first
