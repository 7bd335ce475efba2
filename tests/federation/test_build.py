"""Live objects from the parts of a program."""

import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from ame import errors
from ame.federation.build import Code, fill, lay_out
from ame.federation.program import File, Part
from ame.federation.run.chains import place

OWN = """
import subprocess
from subprocess import Popen

class Thing:
    def __init__(self, size=1, inner=None, *rest):
        self.size, self.inner, self.rest = size, inner, rest

    class Inner:
        pass

def function():
    pass
"""


@pytest.fixture
def code(tmp_path: Path) -> Iterator[Code]:
    files = [File(source=OWN.encode(), target=PurePosixPath("own_things.py"))]
    lay_out(files, tmp_path / "code")
    with Code(tmp_path / "code", files=files) as entered:
        yield entered


def test_an_object_is_made_of_the_jobs_own_code_with_the_objects_among_its_arguments(
    code: Code,
) -> None:
    inner = Part(path="own_things.Thing", args={"size": 3})

    made = code.build(Part(path="own_things.Thing", args={"inner": [inner], "size": 2}))

    assert (made.size, made.inner[0].size) == (2, 3)


def test_arguments_without_names_go_first(code: Code) -> None:
    made = code.build(Part(path="own_things.Thing", lead=[1, None, 7, 8]))

    assert made.rest == (7, 8)


def test_a_nested_class_is_found(code: Code) -> None:
    assert code.find("own_things.Thing.Inner").__qualname__ == "Thing.Inner"


def test_what_came_from_the_folder_is_forgotten_when_it_is_left(tmp_path: Path) -> None:
    files = [File(source=b"class A: pass", target=PurePosixPath("left_behind.py"))]
    lay_out(files, tmp_path)

    with Code(tmp_path, files=files) as code:
        code.find("left_behind.A")

    assert "left_behind" not in sys.modules
    assert str(tmp_path) not in sys.path


def test_a_module_of_that_name_that_the_user_has_elsewhere_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/set_aside.py").write_text("class A: where = 'mine'")
    monkeypatch.syspath_prepend(str(tmp_path / "mine"))
    mine = __import__("set_aside")
    files = [File(source=b"class A: where = 'job'", target=PurePosixPath("set_aside.py"))]
    lay_out(files, tmp_path / "job")

    with Code(tmp_path / "job", files=files) as code:
        assert code.find("set_aside.A").where == "job"

    assert sys.modules.pop("set_aside") is mine


@pytest.mark.parametrize(
    "path",
    [
        "os.system",
        "subprocess.Popen",
        "builtins.eval",
        "builtins.object",
        "numpy.ndarray",
        "ame.process.Supervisor",
        "ame.federation.build.Code",
        "nvflare.fuel.hci.server.Server",
        "own_things.subprocess.Popen",
        "own_things.Popen",
        "own_things.function",
        "own_things.Absent",
        "own_things",
        "absent.Thing",
        "",
    ],
)
def test_no_other_class_is_found(code: Code, path: str) -> None:
    with pytest.raises(errors.ClassRefused):
        code.build(Part(path=path))


def test_a_module_of_another_origin_with_the_same_name_is_not_taken_for_the_jobs(
    tmp_path: Path,
) -> None:
    files = [File(source=b"class Popen: pass", target=PurePosixPath("subprocess.py"))]
    lay_out(files, tmp_path)

    with (
        Code(tmp_path, files=files) as code,
        pytest.raises(errors.ClassRefused, match="imported before; rename it"),
    ):
        code.find("subprocess.Popen")


def test_packages_that_the_jobs_author_used_are_open(tmp_path: Path) -> None:
    assert Code(packages=frozenset({"decimal"})).find("decimal.Decimal").__name__ == "Decimal"


@pytest.mark.parametrize("target", ["/etc/passwd", "../up.py", "a/../../b.py", "."])
def test_a_file_that_leads_out_of_the_folder_is_refused(target: str) -> None:
    with pytest.raises(errors.JobFolderUnsafe, match="leads out"):
        File(source=b"", target=PurePosixPath(target))


def test_variables_are_filled_in_and_other_braces_stay() -> None:
    text = "--site {SITE_NAME} --json {'A': 1} {} {UNKNOWN}"

    assert fill(text, {"SITE_NAME": "site-1"}) == "--site site-1 --json {'A': 1} {} {UNKNOWN}"


@pytest.mark.parametrize("cut", [True, False])
def test_an_error_in_the_job_s_code_tells_of_the_user_s_file(tmp_path: Path, cut: bool) -> None:
    written = tmp_path / "mine" / "parts_of_job.py"
    written.parent.mkdir()
    written.write_text("\n\nclass Fails:\n    def __init__(self):\n        raise OSError('no')\n")
    file = File(
        source=written.read_bytes() if cut else written,
        target=PurePosixPath("parts_of_job.py"),
        cut_from=written if cut else None,
    )
    lay_out([file], tmp_path / "custom")

    before = list(sys.meta_path)
    with (
        Code(tmp_path / "custom", files=[file]) as code,
        pytest.raises(OSError, match="no") as raised,
    ):
        code.build(Part(path="parts_of_job.Fails"))

    assert place(raised.value) == f"{written}:5"
    assert sys.meta_path == before
