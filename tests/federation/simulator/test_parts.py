"""The live objects of the server: what is told of those that cannot be made."""

from pathlib import Path, PurePosixPath

import pytest

from ame import errors
from ame.federation.build import Code, lay_out
from ame.federation.program import App, File, Filtered, Part
from ame.federation.simulator import parts

OWN = """class Own:
    def __init__(self, rate=1):
        if rate > 1:
            raise ValueError("no such rate")
"""


def made(place: Path, app: App, **modules: str) -> None:
    files = [
        File(source=text.encode(), target=PurePosixPath(f"{name}.py"))
        for name, text in modules.items()
    ]
    lay_out(files, place)
    with Code(place, files=files) as code:
        parts.of_server(app, code, {})


@pytest.mark.parametrize("where", ["component", "workflow", "filter"])
def test_a_constructor_that_raises_is_named_with_its_line(tmp_path: Path, where: str) -> None:
    part = Part(path="parts_own.Own", args={"rate": 2}, id="x")
    app = {
        "component": App(components=(part,)),
        "workflow": App(workflows=(part,)),
        "filter": App(task_result_filters=(Filtered(tasks=("train",), filters=(part,)),)),
    }[where]

    with pytest.raises(
        errors.ComponentFailed, match=r"parts_own\.Own failed while being made: ValueError: no such"
    ) as caught:
        made(tmp_path, app, parts_own=OWN)

    assert caught.value.place == f"{tmp_path / 'parts_own.py'}:4"


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("import absent_module", "ModuleNotFoundError: No module named 'absent_module'", 1),
        ("\nclass Own\n", "SyntaxError: expected ':'", 2),
    ],
)
def test_a_module_that_cannot_be_imported_is_named_with_its_line(
    tmp_path: Path, text: str, what: str, line: int
) -> None:
    app = App(components=(Part(path="parts_bad.Own", id="x"),))

    with pytest.raises(errors.ComponentFailed) as caught:
        made(tmp_path, app, parts_bad=text)

    assert caught.value.what == what
    assert caught.value.place == f"{tmp_path / 'parts_bad.py'}:{line}"


def test_a_workflow_that_cannot_lead_is_refused(tmp_path: Path) -> None:
    app = App(workflows=(Part(path="parts_own.Own", id="lead"),))

    with pytest.raises(errors.ClassUnfit, match="is no Controller, and workflow `lead` is to be"):
        made(tmp_path, app, parts_own=OWN)


def test_what_is_no_filter_is_refused_when_the_parts_are_made(tmp_path: Path) -> None:
    files = [File(source=b"class Sifts: pass", target=PurePosixPath("sifting.py"))]
    lay_out(files, tmp_path)
    group = Filtered(tasks=("train",), filters=(Part(path="sifting.Sifts"),))

    with Code(tmp_path, files=files) as code, pytest.raises(errors.ClassUnfit, match="no Filter"):
        parts.of_site(App(task_result_filters=(group,)), code, {}, lambda _: None)
