"""Variables in a configuration: what stands for them, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from ame import errors
from ame.federation.export import formats, variables

LAUGHS = "a0: &a0 [x]\n" + "\n".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 20)}]" for n in range(1, 7)
)


def resolved(**config: Any) -> dict[str, Any]:
    return variables.resolve(config, "x.json")


def yaml(place: Path, text: str) -> dict[str, Any]:
    file = place / "x.yml"
    file.write_text(text)
    return formats.load(file, "x.yml")


def test_a_variable_alone_is_what_it_stands_for() -> None:
    found = resolved(number=7, names=["a", "b"], box={"of": "{number}"}, use=["{names}", " {box} "])

    assert found["use"] == [["a", "b"], {"of": 7}]


def test_among_other_text_it_is_text() -> None:
    found = resolved(rate=0.5, names=[1], use="{rate} of {names} at {SITE_NAME} {'a': 1} {}")

    assert found["use"] == "0.5 of [1] at {SITE_NAME} {'a': 1} {}".replace("[1]", "{names}")


def test_what_sites_say_for_themselves_stays() -> None:
    assert resolved(use="{JOB_CUSTOM_DIR}")["use"] == "{JOB_CUSTOM_DIR}"


def test_texts_in_braces_that_are_no_names_stay() -> None:
    assert resolved(use=['{"a": 1}', "{}", "{see the docs}"])["use"][0] == '{"a": 1}'


def test_an_object_is_called_with_variables_of_its_own() -> None:
    found = resolved(
        **{"@part": {"path": "a.B", "args": {"x": "{x}", "name": "n{y}", "on": "{on}"}}},
        outer=3,
        y="of-all",
        use="{@part:x={outer}:on=true}",
        other="{@part:x=0.5:y=own:on=word}",
    )

    assert found["use"] == {"path": "a.B", "args": {"x": 3, "name": "nof-all", "on": True}}
    assert found["other"]["args"] == {"x": 0.5, "name": "nown", "on": "word"}
    assert "@part" not in found


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"one": "a{two}", "two": "b{one}"}, "one: stands for itself"),
        ({"one": {"in": ["{one}", "{one}"]}}, "one: stands for itself"),
        ({"@one": {"in": "{@one:a=1}"}, "use": "{@one:a=2}"}, "@one: stands for itself"),
        ({"deep": {"args": ["{rond}"]}}, r"deep.args\[0\]: `\{rond\}` stands for nothing; say"),
        ({"use": "{@absent:a=1}"}, "use: `@absent` is no object"),
        ({"@flat": 3, "use": "{@flat:a=1}"}, "`@flat` is no object"),
    ],
)
def test_what_stands_for_nothing_is_refused_with_its_place(
    config: dict[str, Any], why: str
) -> None:
    with pytest.raises(errors.JobFolderInvalid, match=f"x.json: .*{why}|x.json: {why}"):
        resolved(**config)


@pytest.mark.parametrize("text", ["{$HOME}", "--data {$HOME}/data"])
def test_the_environment_is_not_taken_in(text: str) -> None:
    with pytest.raises(errors.JobFolderUnsafe, match="variable of the environment; say its value"):
        resolved(use=text)


def test_a_small_file_becomes_no_huge_one() -> None:
    steps = {f"a{n}": [f"{{a{n - 1}}}"] * 10 for n in range(1, 12)}
    with pytest.raises(errors.JobFolderInvalid, match="more than 1000000 values"):
        resolved(a0=["x"], **steps)

    texts = {f"a{n}": f"{{a{n - 1}}} " * 10 for n in range(1, 12)}
    with pytest.raises(errors.JobFolderInvalid, match="more than 1000000 letters"):
        resolved(a0="x", **texts)


def test_yaml_refers_to_its_own_values(tmp_path: Path) -> None:
    found = yaml(
        tmp_path,
        "rounds: ${train.rounds}\n"
        "train: {rounds: 3, rates: [1e-3, 0.5]}\n"
        "rate: ${train.rates[0]}\n"
        "other: ${train.rates.1}\n"
        "all: ${train}\n"
        'text: "--rate ${rate} --site {SITE_NAME} \\\\${as_it_is}"\n',
    )

    assert (found["rounds"], found["rate"], found["other"]) == (3, 0.001, 0.5)
    assert found["all"] == {"rounds": 3, "rates": [0.001, 0.5]}
    assert found["text"] == "--rate 0.001 --site {SITE_NAME} ${as_it_is}"


def test_yaml_is_understood_as_by_nvflare(tmp_path: Path) -> None:
    found = yaml(tmp_path, "small: 1e-3\nbig: 2E6\nday: 2020-01-01\nname: 1e3x\n")

    assert found == {"small": 0.001, "big": 2e6, "day": "2020-01-01", "name": "1e3x"}


@pytest.mark.parametrize(
    ("text", "kind", "why"),
    [
        ("a: ${b}\nb: ${a}", errors.JobFolderInvalid, "stands for itself"),
        ("a: ${b.c}\nb: {d: 1}", errors.JobFolderInvalid, r"`\$\{b.c\}` stands for nothing"),
        ("a: ${oc.env:HOME}", errors.JobFolderUnsafe, "a: `.*` is not said in the file"),
        ("1: a", errors.JobFolderInvalid, "its key 1 is no text"),
        (
            LAUGHS,
            errors.JobFolderInvalid,
            "more than 1000000 values",
        ),
    ],
)  # fmt: skip
def test_yaml_that_leads_nowhere_or_out_is_refused(
    tmp_path: Path, text: str, kind: type[Exception], why: str
) -> None:
    with pytest.raises(kind, match=why):
        yaml(tmp_path, text)


def test_files_that_nest_without_end_are_refused(tmp_path: Path) -> None:
    from ame.federation import export

    (tmp_path / "meta.json").write_text('{"name": ' + "[" * 50_000 + "]" * 50_000 + "}")

    with pytest.raises(errors.JobFolderInvalid, match="nest too deeply"):
        export.read(tmp_path)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("plain", True),
        ("{SITE_NAME}", True),
        ("{JOB_CUSTOM_DIR}/a of {mine}", True),
        ("{mine}", True),
        ("say {'a': 1}", True),
        ("a } b", True),
        ("{'a': 1}", False),
        ('{"a": 1}', False),
        ("{}", False),
        ("{other}", False),
        ("a {{b}}", False),
        ("{@part:a=1}", False),
        ("{SITE_NAME} and {other}", False),
        ("{SITE_NAME} {'a': 1}", False),
    ],
)
def test_texts_that_nvflare_would_change_are_known(text: str, same: bool) -> None:
    assert variables.is_same_there(text, ["mine"]) is same
