"""Files in folders and buckets: read, fetched, and written all or none."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ame import errors
from ame.builder.places import Files
from parts.servers import buckets


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The URLs of a folder and of buckets, which the environment says how to reach."""
    folder = tmp_path_factory.mktemp("places")
    patch = pytest.MonkeyPatch()
    with (
        buckets.gcs(folder) as google,
        buckets.s3(folder) as amazon,
        patch.context() as environment,
    ):
        environment.setenv("STORAGE_EMULATOR_HOST", google.options["endpoint_url"])
        environment.setenv("AWS_ENDPOINT_URL", amazon.options["client_kwargs"]["endpoint_url"])
        environment.setenv("AWS_ACCESS_KEY_ID", buckets.KEY)
        environment.setenv("AWS_SECRET_ACCESS_KEY", buckets.SECRET)
        yield {"folder": str(folder / "kept"), "gs": "gs://ame/a", "s3": "s3://ame/a"}


@pytest.fixture(params=["folder", "gs", "s3"])
def root(request: pytest.FixtureRequest, places: dict[str, str]) -> str:
    return f"{places[request.param]}/{request.node.name.partition('[')[0]}"


def test_what_was_put_is_read_and_nothing_else_is_there(root: str) -> None:
    files = Files(project="tests")

    files.put({f"{root}/plan.pb": b"plan", f"{root}/init.ckp": b"checkpoint"})
    files.put({f"{root}/plan.pb": b"another"})

    assert files.read(f"{root}/plan.pb") == b"another"
    assert names(files, root) == {"init.ckp", "plan.pb"}


def names(files: Files, root: str) -> set[str]:
    with files._at(root, "list") as (system, path):
        return {each.rpartition("/")[2] for each in system.ls(path, detail=False, refresh=True)}


def test_a_folder_is_fetched_whole(root: str, tmp_path: Path) -> None:
    files = Files()
    files.put({f"{root}/saved/saved_model.pb": b"graph", f"{root}/saved/variables/index": b"i"})

    found = files.fetched(f"{root}/saved", tmp_path)

    assert (found / "saved_model.pb").read_bytes() == b"graph"
    assert (found / "variables" / "index").read_bytes() == b"i"


def test_a_file_is_fetched(root: str, tmp_path: Path) -> None:
    files = Files()
    files.put({f"{root}/model.keras": b"zip"})

    assert files.fetched(f"{root}/model.keras", tmp_path).read_bytes() == b"zip"


def test_what_is_not_there_is_named(root: str, tmp_path: Path) -> None:
    with pytest.raises(errors.PlaceMissing, match="cannot-be"):
        Files().read(f"{root}/cannot-be")
    with pytest.raises(errors.PlaceMissing, match="nowhere"):
        Files().fetched(f"{root}/nowhere", tmp_path)


def test_where_one_cannot_be_written_all_stays_as_it_was(root: str) -> None:
    files = Files()
    files.put({f"{root}/old.pb": b"old"})

    with pytest.raises(errors.Error, match="upload artifact to"):
        files.put({f"{root}/old.pb": b"new", f"{root}/new.pb": b"new", "gs://nobucket/plan": b"p"})

    assert files.read(f"{root}/old.pb") == b"old"
    assert names(files, root) == {"old.pb"}


def test_a_bucket_that_may_not_be_used_is_named(
    places: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs  # type: ignore[import-untyped]  # it has no types

    s3fs.S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")

    with pytest.raises(errors.PlaceDenied, match="s3://ame/a/plan"):
        Files().put({"s3://ame/a/plan": b"plan"})
    s3fs.S3FileSystem.clear_instance_cache()


def test_who_may_only_read_a_bucket_writes_nothing(
    places: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    Files().put({"s3://ame/read/plan": b"plan"})
    s3fs.S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", buckets.READER[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", buckets.READER[1])

    assert Files().read("s3://ame/read/plan") == b"plan"
    with pytest.raises(errors.PlaceDenied, match=r"upload artifact to: s3://ame/read/plan"):
        Files().put({"s3://ame/read/plan": b"another", "s3://ame/read/new": b"new"})
    assert Files().read("s3://ame/read/plan") == b"plan"
    assert names(Files(), "s3://ame/read") == {"plan"}
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.parametrize("bucket", ["gs://ame", "s3://ame"])
def test_a_whole_bucket_is_fetched(places: dict[str, str], bucket: str, tmp_path: Path) -> None:
    files = Files(project="tests")
    files.put({f"{bucket}/saved_model.pb": b"graph", f"{bucket}/variables/index": b"i"})

    for place in (bucket, f"{bucket}/"):
        found = files.fetched(place, tmp_path / place.replace("/", "-"))
        assert (found / "saved_model.pb").read_bytes() == b"graph"
        assert (found / "variables" / "index").read_bytes() == b"i"


def test_what_was_left_by_one_who_was_killed_is_gone_after_another_turn(root: str) -> None:
    contents = {f"{root}/plan.pb": b"plan", f"{root}/client.pb": b"client"}

    class Killed(Files):
        """It is, before anything gets its name."""

        def _before(self, place: str) -> bytes | None:
            raise KeyboardInterrupt

        def _removed(self, place: str) -> None:
            pass

    with pytest.raises(KeyboardInterrupt):
        Killed().put(contents)
    assert all(each.endswith(".partial") for each in names(Files(), root))

    Files().put(contents)

    assert names(Files(), root) == {"plan.pb", "client.pb"}


def test_a_server_reads_no_files_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(errors.PlacesInvalid):
        Files(local=False).read(str(tmp_path / "secret"))
