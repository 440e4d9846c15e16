"""What goes out, byte by byte, and what does not."""

from __future__ import annotations

import pytest

from nuts_pzp.outside.request import Asking, Origin, split

ASKING = Asking({"accept": "*/*", "user-agent": "nuts-pzp"})
HERE = Origin.parse("https://fhir.example:8443")
assert HERE


def written(method: str = "GET", target: str = "/r4/Goal?x=1", body: bytes | None = None, **headers: str) -> bytes:
    return ASKING.written(method, HERE, target, headers, body)


def test_a_request_is_written_in_one_piece() -> None:
    assert written() == (
        b"GET /r4/Goal?x=1 HTTP/1.1\r\nHost: fhir.example:8443\r\naccept: */*\r\nuser-agent: nuts-pzp\r\n\r\n"
    )
    assert written("POST", body=b"a=b", dpop="e30") == (
        b"POST /r4/Goal?x=1 HTTP/1.1\r\nHost: fhir.example:8443\r\naccept: */*\r\nuser-agent: nuts-pzp\r\ndpop: e30\r\n"
        b"Content-Length: 3\r\n\r\na=b"
    )


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [
        ("GET", None, None), ("GET", b"", None), ("HEAD", None, None), ("OPTIONS", None, None), ("GET", b"x", b"1"),
        ("POST", None, b"0"), ("POST", b"", b"0"), ("PUT", None, b"0"), ("DELETE", None, b"0"), ("POST", b"xy", b"2"),
    ],
)  # fmt: skip
def test_a_length_is_said_where_a_body_may_be(method: str, body: bytes | None, length: bytes | None) -> None:
    lines = written(method, body=body).split(b"\r\n")
    assert [line for line in lines if line.startswith(b"Content-Length")] == (
        [b"Content-Length: " + length] if length else []
    )


def test_a_header_of_the_call_takes_the_place_of_a_shared_one() -> None:
    head = ASKING.written("GET", HERE, "/", {"Accept": "application/fhir+json"}, None).lower()
    assert head.count(b"accept") == 1
    assert b"accept: application/fhir+json\r\n" in head
    assert b"user-agent: nuts-pzp\r\n" in head


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://fhir.example", "fhir.example"), ("https://fhir.example:443", "fhir.example"),
        ("http://fhir.example:443", "fhir.example:443"), ("http://fhir.example:80", "fhir.example"),
        ("https://FHIR.example:8443", "fhir.example:8443"), ("https://fhir.example.", "fhir.example"),
        ("https://[2001:DB8::1]", "[2001:db8::1]"), ("https://[2001:db8::1]:8443", "[2001:db8::1]:8443"),
        ("http://127.0.0.1:80", "127.0.0.1"), ("HTTPS://fhir.example", "fhir.example"),
    ],
)  # fmt: skip
def test_the_host_is_named_as_the_standard_wants(origin: str, host: str) -> None:
    parsed = Origin.parse(origin)
    assert parsed is not None
    assert parsed.authority == host
    assert f"\r\nHost: {host}\r\n".encode() in ASKING.written("GET", parsed, "/", {}, None)


def test_one_origin_has_one_key() -> None:
    same = [Origin.parse(text) for text in ("https://a.example", "https://A.example:443", "HTTPS://a.example:0443")]
    assert len(set(same)) == 1
    assert same[0] != Origin.parse("http://a.example:443")


@pytest.mark.parametrize(
    "text",
    [
        "", "https:", "https://", "https:/a", "//a.example", "ftp://a.example", "https://a.example:", "https://:443",
        "https://a.example:0", "https://a.example:65536", "https://a.example:x", "https://a.example:+1",
        "https://a.example:\uff11", "https://u@a.example", "https://u:p@a.example", "https://a.example\\b",
        "https://a.example b", " https://a.example", "https://a.example\n", "https://[::1", "https://::1",
        "https://[a.example]", "https://[127.0.0.1]", "https://[fe80::1%25lo]", "https://[::1]x", "https://a%2eb",
        "https://\u0430.example", "https://a.example/", "https://a.example?", "javascript:https://a.example",
    ],
)  # fmt: skip
def test_what_is_no_origin_is_none(text: str) -> None:
    assert Origin.parse(text) is None


@pytest.mark.parametrize(
    ("url", "origin", "rest"),
    [
        ("https://a.example/b?c", "https://a.example", "/b?c"), ("https://a.example?c=/", "https://a.example", "?c=/"),
        ("https://a.example", "https://a.example", ""), ("https://a.example#/b", "https://a.example", "#/b"),
        ("https://a.example@b.example/", "https://a.example@b.example", "/"), ("/b", "", "/b"), ("", "", ""),
    ],
)  # fmt: skip
def test_a_url_is_cut_before_its_path(url: str, origin: str, rest: str) -> None:
    assert split(url) == (origin, rest)


def test_a_target_always_begins_with_a_slash() -> None:
    assert written(target="").startswith(b"GET / HTTP/1.1\r\n")
    assert written(target="?a=b").startswith(b"GET /?a=b HTTP/1.1\r\n")


CONTROLS = [chr(code) for code in (*range(32), 127)]


@pytest.mark.parametrize("bad", [*CONTROLS, "\x80", "é", "\u2028", "\ud800", "\r\nx: y"])
def test_no_value_ends_its_line_or_leaves_ascii(bad: str) -> None:
    with pytest.raises(ValueError, match=r"^a (control )?character") as caught:
        written(dpop=f"secret{bad}")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("bad", [*CONTROLS, " ", "#", "é", "\ud800", " HTTP/1.1\r\nx: y\r\n\r\n"])
def test_no_target_ends_its_line_or_leaves_ascii(bad: str) -> None:
    with pytest.raises(ValueError, match=r"^a ") as caught:
        written(target=f"/secret{bad}")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "", " ", "a b", "a:", "a\r\nb", "a\0", "é", "(a)", "host", "Host", "Content-Length", "transfer-encoding",
        "connection", "Upgrade", "TE", "Trailer", "expect", "keep-alive",
    ],
)  # fmt: skip
def test_no_name_is_anything_but_a_header_of_the_caller(name: str) -> None:
    with pytest.raises(ValueError, match="not the caller's"):
        ASKING.written("GET", HERE, "/", {name: "x"}, None)
    with pytest.raises(ValueError, match="not the caller's"):
        Asking({name: "x"})


@pytest.mark.parametrize("method", ["", "GET ", "GE T", "GET\r\n", "CONNECT", "GÉT", "G:T"])
def test_no_method_is_more_than_a_word(method: str) -> None:
    with pytest.raises(ValueError, match="not a method"):
        written(method)
