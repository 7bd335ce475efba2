import json
import re
from base64 import b64encode, encodebytes, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ame.engine.secrets.mask import MASK, SHORTEST, Mask, forms, maskable

TOKEN = "hunter2/Zx+Q=="
ODD = "p\u00e4 ss/w&rd+\"x'=<>\\n"
PEM = (
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n"
    "MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu\n"
    "dHm1==\n"
    "-----END PRIVATE KEY-----\n"
)


def masked(text: bytes, *values: str, size: int = 1 << 20) -> bytes:
    mask = Mask(values)
    parts = [mask.feed(text[at : at + size]) for at in range(0, len(text), size)]
    return b"".join(parts) + mask.flush()


def flat(text: bytes) -> bytes:
    return text.translate(None, b"\r\n")


ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda v: v,
    "url": lambda v: quote(v, safe=""),
    "url path": quote,
    "url form": quote_plus,
    "url, small digits": lambda v: re.sub("%..", lambda m: m.group().lower(), quote(v, safe="")),
    "base64": lambda v: b64encode(v.encode()).decode(),
    "base64 without padding": lambda v: b64encode(v.encode()).decode().rstrip("="),
    "base64 for URLs": lambda v: urlsafe_b64encode(v.encode()).decode(),
    "json": lambda v: json.dumps(v)[1:-1],
    "json, not ASCII": lambda v: json.dumps(v, ensure_ascii=False)[1:-1],
    "json with escaped slashes": lambda v: json.dumps(v)[1:-1].replace("/", "\\/"),
    "json for HTML": lambda v: (
        json.dumps(v)[1:-1].replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    ),
    "repr": lambda v: repr(v)[1:-1],
    "repr of bytes": lambda v: repr(v.encode())[2:-1],
}


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("value", [TOKEN, ODD, "0000", "z" * 300])
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_a_value_is_masked_in_every_form(name: str, value: str, size: int) -> None:
    shown = ENCODINGS[name](value).encode()

    assert masked(b"x: " + shown + b" :y\n", value, size=size) == b"x: *** :y\n"


@pytest.mark.parametrize("before", ["", "u:", "us:", "user:"])
@pytest.mark.parametrize("after", ["", "!", "??"])
def test_a_value_inside_of_a_longer_text_in_base64_is_masked(before: str, after: str) -> None:
    text = b64encode(f"{before}{TOKEN}{after}".encode())

    out = masked(b"Authorization: Basic " + text + b"\n", TOKEN)

    left = out.removeprefix(b"Authorization: Basic ").removesuffix(b"\n")
    assert MASK in left
    assert len(left) <= len(MASK) + len(text) - len(b64encode(TOKEN.encode())) + 4


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("size", [1, 5, 1 << 20])
def test_wrapped_base64_is_masked_on_each_of_its_lines(end: bytes, size: int) -> None:
    text = encodebytes(b"header " + PEM.encode() + b" footer").replace(b"\n", end)

    out = masked(b"begin" + end + text + b"end" + end, PEM, size=size)

    inner = b64encode(b"header " + PEM.encode() + b" footer")[12:-12]
    assert inner[:40] not in flat(out)
    assert inner[-40:] not in flat(out)
    assert out.count(end) == text.count(end) + 2
    assert out.startswith(b"begin" + end + b"aGVhZGVy")


@pytest.mark.parametrize("size", [1, 3, 64, 1 << 20])
def test_a_value_of_several_lines_is_masked_whole_and_line_by_line(size: int) -> None:
    lines = PEM.encode().splitlines()

    assert masked(b"a\n" + PEM.encode() + b"b\n", PEM, size=size) == (
        b"a\n***\n***\n***\n***\n***\nb\n"
    )
    assert masked(b"| " + lines[1] + b" |", PEM, size=size) == b"| *** |"
    assert masked(json.dumps({"key": PEM}).encode(), PEM, size=size) == b'{"key": "***"}'
    assert masked(PEM.replace("\n", "\r\n").encode(), PEM, size=size).count(b"***") == 5


def test_the_border_of_a_key_is_no_secret() -> None:
    other = b"-----BEGIN PRIVATE KEY-----\nabcd"

    assert masked(other, PEM) == other


@pytest.mark.parametrize("text", [b"loss 0.5\n", b"\xff\xfe\x00", b"", b"Continue (y/n)? ", b"\r"])
def test_what_begins_no_secret_is_passed_on_at_once(text: bytes) -> None:
    assert Mask([TOKEN, PEM]).feed(text) == text


def test_a_beginning_is_held_until_it_is_decided() -> None:
    mask = Mask(["abcdefgh"])

    assert mask.feed(b"x abcde") == b"x "
    assert mask.feed(b"f") == b""
    assert mask.feed(b"!") == b"abcdef!"
    assert mask.feed(b"abcd") == b""
    assert mask.flush() == b"abcd"


def test_a_line_that_ends_like_a_short_beginning_is_not_late() -> None:
    mask = Mask(["secret-token"])

    assert mask.feed(b"the loss\n") == b"the loss\n"
    assert mask.feed(b"cases\n") == b"cases\n"


def test_what_follows_of_a_secret_that_a_line_cut_early_is_masked() -> None:
    mask = Mask(["secret-token"])

    assert mask.feed(b"x sec\n") == b"x sec\n"
    assert mask.feed(b"ret-token y") == b"*** y"


def test_a_secret_that_is_printed_letter_by_letter_is_masked() -> None:
    mask = Mask(["secret-token"])

    out = [mask.feed(bytes([each])) for each in b"-> secret-token <-"]

    assert b"".join(out) == b"-> *** <-"


def test_secrets_that_overlap_or_touch_are_one_mask() -> None:
    for size in (1, 2, 3, 4, 100):
        assert masked(b"xabcdefgy", "abcde", "defg", size=size) == b"x***y"
        assert masked(b"xabcdabcdy", "abcd", size=size) == b"x***y"
        assert masked(b"aaaaaaa", "aaaa", size=size) == b"***"
        assert masked(b"abcdef abcd abcdeg", "abcd", "abcdef", size=size) == b"*** *** ***eg"


def test_a_value_that_is_too_short_is_not_masked_and_says_so() -> None:
    assert not maskable("abc")
    assert forms("abc") == frozenset()
    assert masked(b"abc", "abc") == b"abc"
    assert maskable("abcd")


def test_a_value_is_masked_without_the_space_around_it() -> None:
    assert masked(b64encode(b"secret1") + b"\n", " secret1\n") == b"***\n"
    assert masked(b"=secret1\n", " secret1\n") == b"=***\n"


LETTERS = st.characters(codec="utf-8", exclude_characters="*\0\r\n")
VALUES = st.one_of(
    st.text(LETTERS, min_size=SHORTEST, max_size=30), st.text("ab", min_size=SHORTEST, max_size=12)
).filter(lambda v: len(v.strip()) >= SHORTEST)
NOISE = st.binary(max_size=30).map(lambda b: b.replace(b"*", b""))


@given(
    values=st.lists(VALUES, min_size=1, max_size=3),
    pieces=st.lists(
        st.one_of(NOISE, st.tuples(st.sampled_from(sorted(ENCODINGS)), st.integers(0, 2))),
        max_size=8,
    ),
    sizes=st.lists(st.integers(1, 40), min_size=1),
)
@example(values=["0000"], pieces=[("plain", 0), ("plain", 0)], sizes=[1])
def test_no_form_survives_any_chunking_and_all_else_does(
    values: list[str], pieces: list[bytes | tuple[str, int]], sizes: list[int]
) -> None:
    text = b"".join(
        piece
        if isinstance(piece, bytes)
        else ENCODINGS[piece[0]](values[piece[1] % len(values)]).encode()
        for piece in pieces
    )
    mask = Mask(values)
    out, at = b"", 0
    while at < len(text):
        size = sizes[at % len(sizes)]
        out += mask.feed(text[at : at + size])
        at += size
    out += mask.flush()

    needles = set[bytes]().union(*map(forms, values))
    assert not [needle for needle in needles if needle in flat(out)]
    if not text.count(b"\n") + text.count(b"\r"):
        assert out == reference(text, needles)
    else:
        assert restores(out, text)


def reference(text: bytes, needles: set[bytes]) -> bytes:
    hidden = [False] * len(text)
    for needle in needles:
        for found in re.finditer(b"(?=" + re.escape(needle) + b")", text):
            hidden[found.start() : found.start() + len(needle)] = [True] * len(needle)
    out, before = b"", False
    for byte, hide in zip(text, hidden, strict=True):
        out += (b"" if before else MASK) if hide else bytes([byte])
        before = hide
    return out


def restores(out: bytes, text: bytes) -> bool:
    """Whether `out` is `text` with some parts, but no end of a line, replaced by masks."""
    parts = [re.escape(part) for part in out.split(MASK)]
    return re.fullmatch(rb"[^\r\n]+".join(parts), text, re.DOTALL) is not None


@given(
    value=VALUES,
    cuts=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    size=st.integers(1, 9),
)
def test_of_a_value_cut_by_ends_of_lines_at_most_three_letters_show(
    value: str, cuts: list[int], size: int
) -> None:
    shown = b64encode(value.encode())
    wrapped, at = b"", 0
    for cut in cuts:
        wrapped += shown[at : at + cut] + b"\r\n"
        at += cut
    wrapped += shown[at:]

    out = masked(b"<" + wrapped + b">", value, size=size)

    left = flat(out).replace(MASK, b"").removeprefix(b"<").removesuffix(b">")
    assert len(left) < SHORTEST
