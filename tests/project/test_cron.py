import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ame.project import cron

PATTERN = re.compile(cron.PATTERN)


@pytest.mark.parametrize(
    "text",
    [
        "* * * * *",
        "0 6 * * 1",
        "*/5 0-23/2 1,15 JAN-mar mon-FRI",
        "5/15 00-09 01 12 7",
        " 59  23 31 12 5-7 ",
    ],
)
def test_a_schedule_stays_as_it_is_written(text: str) -> None:
    assert cron.read(text) == text
    assert PATTERN.fullmatch(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("* * * *", "no cron schedule of five fields"),
        ("* * * * * *", "no cron schedule of five fields"),
        ("@daily", "no cron schedule of five fields"),
        ("60 * * * *", r"`60` is no minute \(0-59\)"),
        ("* 24 * * *", r"`24` is no hour \(0-23\)"),
        ("* * 0 * *", r"`0` is no day of the month \(1-31\)"),
        ("* * * 13 *", r"`13` is no month \(1-12 or jan-dec\)"),
        ("* * * * 8", r"`8` is no weekday \(0-7 or sun-sat\)"),
        ("* * * * fri-mon", "`fri-mon`"),
        ("* * * * mon-5", "`mon-5`"),
        ("30-5 * * * *", "`30-5`"),
        ("*/0 * * * *", r"`\*/0`"),
        ("1,,2 * * * *", "``"),
        ("*\t* * * *", "five fields"),
        ("* * * * *\n", "weekday"),
    ],
)
def test_what_cron_cannot_mean_is_refused_with_the_field(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        cron.read(text)
    assert not PATTERN.fullmatch(text)


ITEMS = st.from_regex(r"(\*|[0-9]{1,2}|[a-zA-Z]{3})(-[0-9]{1,2})?(/[0-9]{1,2})?", fullmatch=True)


@given(st.lists(st.sampled_from(["*", "1", "sun", "DEC", "0-7"]) | ITEMS, min_size=5, max_size=5))
def test_the_pattern_for_schemas_says_the_same(fields: list[str]) -> None:
    text = " ".join(fields)
    try:
        read = bool(cron.read(text))
    except ValueError:
        read = False

    assert bool(PATTERN.fullmatch(text)) == read
