"""The wire: one request for two readers, Hosts and targets, injected headers, sizes, methods, paths."""

from __future__ import annotations

from hostile.attack import (
    ACCEPT,
    AMBIGUOUS,
    BASE,
    BEARER,
    CLOSE,
    DIRECTIVES,
    FORM,
    HOST,
    MALFORMED,
    METHOD,
    NO_TENANT,
    ONE,
    REFUSED,
    TOO_BIG,
    UNKNOWN,
    UNSUPPORTED,
    Attack,
    get,
    named,
    post,
    request,
)

_FORM = DIRECTIVES
_POST = b"POST " + BASE + b"/Consent/_search HTTP/1.1\r\n" + HOST + BEARER + FORM
_HIDDEN = b"GET " + BASE + b"/Consent?patient=Patient/6 HTTP/1.1\r\n" + HOST + BEARER + CLOSE + b"\r\n"
_CHUNK = b"%x\r\n" % len(_FORM) + _FORM + b"\r\n"


def _no_request(name: str, sent: bytes, kind: str = "request smuggling") -> Attack:
    return Attack(name, kind, sent, (400,), MALFORMED, log="system")


SMUGGLING = [
    _no_request("a length and chunks", _POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + _HIDDEN),
    _no_request("chunks and a length", _POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + _HIDDEN),
    _no_request("two lengths", _POST + b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + _HIDDEN),
    _no_request("two equal lengths", _POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\na=b" + _HIDDEN),
    _no_request("lengths in a list", _POST + b"Content-Length: 3, 0\r\n\r\na=b" + _HIDDEN),
    _no_request("a length with a plus", _POST + b"Content-Length: +3\r\n\r\na=b" + _HIDDEN),
    _no_request("a negative length", _POST + b"Content-Length: -1\r\n\r\n" + _HIDDEN),
    _no_request("a hexadecimal length", _POST + b"Content-Length: 0x3\r\n\r\na=b" + _HIDDEN),
    _no_request("a length of thirty digits", _POST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n" + _HIDDEN),
    _no_request("chunked, but not last", _POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + _HIDDEN),
    _no_request("a name with a space", _POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + _HIDDEN),
    _no_request("a folded header", _POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + _HIDDEN),
    _no_request("a bare carriage return", _POST + b"X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + _HIDDEN),
    _no_request("a chunk of a negative size", _POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + _HIDDEN),
    _no_request("a chunk size that overflows", _POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 17 + b"\r\n" + _HIDDEN),
    _no_request("a chunk size with 0x", _POST + b"Transfer-Encoding: chunked\r\n\r\n0x3\r\na=b\r\n0\r\n\r\n" + _HIDDEN),
    _no_request("a chunk without its line end", _POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\na=b0\r\n\r\n" + _HIDDEN),
    _no_request("a chunk that ends in a line feed", _POST + b"Transfer-Encoding: chunked\r\n\r\n3\na=b\n0\n\n" + _HIDDEN),
    _no_request("a trailer", _POST + b"Transfer-Encoding: chunked\r\n\r\n" + _CHUNK + b"0\r\nAuthorization: Bearer x\r\n\r\n"),
    _no_request("a nul in a header", _POST + b"X: a\x00b\r\n\r\n" + _HIDDEN),
    _no_request("a line feed for a line end", b"GET " + BASE + b"/Consent?" + _FORM + b" HTTP/1.1\nHost: a\n\n"),
    _no_request("an empty header name", get(_FORM, BEARER + b": x\r\n")),
    _no_request("a header without a colon", get(_FORM, BEARER + b"X-Nothing\r\n")),
    Attack("a length shorter than the body", "request smuggling",
           _POST + b"Content-Length: %d\r\n\r\n" % len(ONE) + ONE + b"&patient=Patient/6", (403,), "PZP-POLICY-001",
           reaches="the look-up"),
    Attack("a length longer than the body, and the end", "request smuggling",
           _POST + CLOSE + b"Content-Length: 900\r\n\r\n" + _FORM, ()),
    Attack("a second request in the body", "request smuggling",
           post(_HIDDEN), (400,), MALFORMED),
    Attack("a chunked transfer coding on a GET", "request smuggling",
           b"GET " + BASE + b"/Consent?" + _FORM + b" HTTP/1.1\r\n" + HOST + BEARER + CLOSE
           + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (400,), AMBIGUOUS),
    Attack("an upgrade to HTTP/2", "request smuggling",
           get(b"patient=Patient/6&patient=1", BEARER + b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"), (400,), AMBIGUOUS),
    _no_request("a preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _HIDDEN),
    _no_request("HTTP/0.9", b"GET " + BASE + b"/Consent?" + _FORM + b"\r\n\r\n"),
    _no_request("HTTP/2.0 by name", get(_FORM, version=b"2.0")),
    _no_request("HTTP/3.0 by name", get(_FORM, version=b"3.0")),
    _no_request("chunks in HTTP/1.0", _POST.replace(b"/1.1", b"/1.0")
                + b"Transfer-Encoding: chunked\r\n\r\n" + _CHUNK + b"0\r\n\r\n" + _HIDDEN),
]  # fmt: skip

HOSTS = [
    _no_request("two Hosts", get(_FORM, BEARER + HOST), "Host and target"),
    _no_request("two different Hosts", get(_FORM, BEARER + b"Host: other.example\r\n"), "Host and target"),
    _no_request("no Host", get(_FORM, host=b""), "Host and target"),
    _no_request("HTTP/1.0 without a Host", get(_FORM, host=b"", version=b"1.0"), "Host and target"),
    _no_request(
        "an absolute target", request(b"https://gateway.example" + BASE + b"/Consent?" + _FORM), "Host and target"
    ),
    _no_request("an absolute target elsewhere", request(b"http://elsewhere.example/"), "Host and target"),
    _no_request("an authority for a target", request(b"elsewhere.example:443", method=b"CONNECT"), "Host and target"),
    _no_request("an asterisk for a target", request(b"*", method=b"OPTIONS"), "Host and target"),
    _no_request("two slashes before a name", request(b"//elsewhere.example" + BASE), "Host and target"),
    _no_request("a fragment", get(_FORM + b"#&patient=Patient/6"), "Host and target"),
    _no_request("a space in a target", request(BASE + b"/Consent?patient=Patient/1 x"), "Host and target"),
    _no_request("a tab for a space", b"GET\t" + BASE + b"/Consent\tHTTP/1.1\r\n" + HOST + b"\r\n", "Host and target"),
]

HEADERS = [
    *named(
        "headers",
        {
            "a method override": (get(DIRECTIVES, BEARER + b"X-HTTP-Method-Override: DELETE\r\n"), 405, METHOD),
            "a method override, short": (get(DIRECTIVES, BEARER + b"X-HTTP-Method: PUT\r\n"), 405, METHOD),
            "a third method override": (get(DIRECTIVES, BEARER + b"X-Method-Override: PUT\r\n"), 405, METHOD),
            "a rewritten URL": (get(DIRECTIVES, BEARER + b"X-Original-URL: /wilgenhof/fhir/Patient/6\r\n"), 400, AMBIGUOUS),
            "another rewritten URL": (get(DIRECTIVES, BEARER + b"X-Rewrite-URL: /x\r\n"), 400, AMBIGUOUS),
            "If-Match": (get(DIRECTIVES, BEARER + b"If-Match: *\r\n"), 400, UNSUPPORTED),
            "If-Unmodified-Since": (get(DIRECTIVES, BEARER + b"If-Unmodified-Since: x\r\n"), 400, UNSUPPORTED),
            "If-None-Exist": (post(DIRECTIVES, BEARER + FORM + b"If-None-Exist: a=b\r\n"), 400, UNSUPPORTED),
            "only Turtle accepted": (get(DIRECTIVES, BEARER + b"Accept: application/fhir+turtle\r\n"), 406, ACCEPT),
            "XML of weight nought": (get(DIRECTIVES, BEARER + b"Accept: application/fhir+xml;q=0\r\n"), 406, ACCEPT),
            "only STU3 accepted": (
                get(DIRECTIVES, BEARER + b"Accept: application/fhir+json; fhirVersion=3.0\r\n"), 406, ACCEPT,
            ),
            "JSON of weight nought": (get(DIRECTIVES, BEARER + b"Accept: application/json;q=0\r\n"), 406, ACCEPT),
            "a lenient preference": (get(DIRECTIVES + b"&x=1", BEARER + b"Prefer: handling=lenient\r\n"), 400, UNSUPPORTED),
        },
    ),
    Attack("a token in two headers", "headers", get(DIRECTIVES, BEARER + BEARER), (401,), "PZP-AUTHN-002"),
    Attack("a line feed in a header", "headers",
           get(DIRECTIVES, b"X: a\nAuthorization: Bearer {bearer}\r\n"), (400,), MALFORMED, log="system"),
]  # fmt: skip

SIZES = [
    Attack("a body of 65 KiB", "sizes", post(b"a" * 66_600), (413,), TOO_BIG),
    Attack("a body of 65 KiB in chunks", "sizes",
           _POST + CLOSE + b"Transfer-Encoding: chunked\r\n\r\n" + (b"1000\r\n" + b"a" * 4096 + b"\r\n") * 17 + b"0\r\n\r\n",
           (413,), TOO_BIG),
    Attack("a target of 9 KiB", "sizes", get(b"code=" + b"a" * 9_000), (400,), MALFORMED, log="system"),
    Attack("a header of 33 KiB", "sizes", get(DIRECTIVES, b"X: " + b"a" * 33_000 + b"\r\n"), (400,), MALFORMED, log="system"),
    Attack("a hundred and one headers", "sizes", get(DIRECTIVES, b"X: a\r\n" * 101), (400,), MALFORMED, log="system"),
    Attack("a value of 1025 letters", "sizes", get(ONE + b"&scope=" + b"a" * 1025), (400,), MALFORMED),
    Attack("an id of 65 letters", "sizes", get(b"", kind=b"/Consent/" + b"a" * 65), (400,), MALFORMED),
    Attack("a path of 600 letters", "sizes", get(b"", kind=b"/Consent/" + b"a" * 600), (400,), MALFORMED),
]  # fmt: skip

METHODS = named(
    "methods",
    {
        "PUT": (request(BASE + b"/Consent/1-1", body=b"{}", method=b"PUT"), 405, METHOD),
        "PATCH": (request(BASE + b"/Consent/1-1", body=b"[]", method=b"PATCH"), 405, METHOD),
        "DELETE": (request(BASE + b"/Consent/1-1", method=b"DELETE"), 405, METHOD),
        "TRACE": (request(BASE + b"/Consent/1-1", method=b"TRACE"), 405, METHOD),
        "PROPFIND": (request(BASE + b"/Consent", method=b"PROPFIND"), 405, METHOD),
        "a creation": (post(b"{}", tail=b""), 405, METHOD),
        "a batch": (request(BASE, body=b"{}", method=b"POST"), 405, METHOD),
        "a search of the whole system": (request(BASE + b"/_search", body=ONE, method=b"POST", headers=BEARER + FORM), 400, UNSUPPORTED),
        "a search by GET on _search": (get(DIRECTIVES, kind=b"/Consent/_search"), 405, METHOD),
        "HEAD with two patients": (get(ONE + b"&patient=Patient/6", method=b"HEAD"), 400, AMBIGUOUS),
        "HEAD on a posted search": (request(BASE + b"/Patient/_search", method=b"HEAD"), 405, METHOD),
        "$everything": (get(b"", kind=b"/Patient/1/$everything"), 400, UNSUPPORTED),
        "$export": (get(b"", kind=b"/$export"), 400, UNSUPPORTED),
        "a history": (get(b"", kind=b"/Consent/1-1/_history"), 400, UNSUPPORTED),
        "a version": (get(b"", kind=b"/Consent/1-1/_history/1"), 400, UNSUPPORTED),
        "a compartment": (get(b"", kind=b"/Patient/1/Consent"), 400, UNSUPPORTED),
        "a document": (get(ONE, kind=b"/Composition"), 403, REFUSED),
        "a list": (get(ONE, kind=b"/List"), 403, REFUSED),
        "a bundle": (get(b"", kind=b"/Bundle/1"), 403, REFUSED),
        "a type without a patient": (get(b"", kind=b"/Practitioner/1-1"), 403, REFUSED),
        "a type of another use case": (get(ONE, kind=b"/MedicationRequest"), 400, UNSUPPORTED),
        "metadata with a parameter": (get(b"mode=full", kind=b"/metadata"), 400, UNSUPPORTED),
        "metadata with a body": (get(b"", kind=b"/metadata", body=b"{}"), 400, AMBIGUOUS),
    },
)  # fmt: skip

_ELSEWHERE: dict[str, bytes] = {
    "a tenant that is not there": b"/nobody/fhir/Consent",
    "a tenant in capitals": b"/WILGENHOF/fhir/Consent",
    "a tenant with an escaped letter": b"/wilgen%68of/fhir/Consent",
    "a tenant behind a dot": b"/./wilgenhof/fhir/Consent",
    "a tenant behind another": b"/lindezicht/../wilgenhof/fhir/Consent",
    "a tenant with a parameter": b"/wilgenhof;x=1/fhir/Consent",
    "a tenant with a nul": b"/wilgenhof%00/fhir/Consent",
    "an escaped base": b"/wilgenhof/%66hir/Consent",
    "a base in capitals": b"/wilgenhof/FHIR/Consent",
    "a base with a letter more": b"/wilgenhof/fhirx/Consent",
    "a tenant of another gateway": b"/meerwijck/fhir/Consent",
    "the log of the system": b"/system/fhir/Consent",
    "the EHR's door": b"/wilgenhof/pzp/v1/consultations",
    "the decision API": b"/wilgenhof/pdp",
    "metrics": b"/metrics",
}
ADDRESSES = [
    *(Attack(name, "addresses", request(path + b"?" + ONE), (404,), NO_TENANT, log="system") for name, path in _ELSEWHERE.items()),
    *named(
        "addresses",
        {
            "a parent step below the base": (get(DIRECTIVES, kind=b"/../../lindezicht/fhir/Consent"), 400, UNSUPPORTED),
            "a dot below the base": (get(DIRECTIVES, kind=b"/./Consent"), 400, UNSUPPORTED),
            "two slashes below the base": (get(DIRECTIVES, kind=b"//Consent"), 400, MALFORMED),
            "a slash at the end": (get(DIRECTIVES, kind=b"/Consent/"), 400, MALFORMED),
            "a matrix parameter": (get(ONE, kind=b"/Consent;patient=6"), 400, MALFORMED),
        },
    ),
    Attack("a resource that is not there", "addresses", get(b"", kind=b"/Consent/99-99"), (403,), UNKNOWN, reaches="the look-up"),
]  # fmt: skip

_TRIED: dict[str, bytes] = {
    "a forwarded host": get(DIRECTIVES, BEARER + b"X-Forwarded-Host: elsewhere.example\r\n"),
    "a forwarded scheme and port": get(DIRECTIVES, BEARER + b"X-Forwarded-Proto: http\r\nX-Forwarded-Port: 80\r\n"),
    "a forwarded address": get(DIRECTIVES, BEARER + b"X-Forwarded-For: 127.0.0.1\r\nForwarded: for=127.0.0.1\r\n"),
    "a forwarded prefix": get(DIRECTIVES, BEARER + b"X-Forwarded-Prefix: /lindezicht/fhir\r\n"),
    "a Host of somebody else": get(DIRECTIVES, host=b"Host: elsewhere.example\r\n"),
    "HTTP/1.0": get(DIRECTIVES, version=b"1.0"),
    "If-None-Match": get(DIRECTIVES, BEARER + b"If-None-Match: *\r\n"),
    "If-Modified-Since": get(DIRECTIVES, BEARER + b"If-Modified-Since: Sat, 01 Jan 2050 00:00:00 GMT\r\n"),
    "a range": get(DIRECTIVES, BEARER + b"Range: bytes=0-9\r\n"),
    "a preference for later": get(DIRECTIVES, BEARER + b"Prefer: respond-async\r\n"),
    "HEAD": get(DIRECTIVES, method=b"HEAD"),
    "a header that names another patient": get(DIRECTIVES, BEARER + b"X-Patient-Id: Patient/6\r\nX-BSN: 900011233\r\n"),
    "a cookie": get(DIRECTIVES, BEARER + b"Cookie: patient=Patient/6\r\n"),
    "our own scope and claims in headers": get(DIRECTIVES, BEARER + b"X-Scope: pzp-spoed\r\nX-Ura: 90000222\r\n"),
    "an upgrade": get(DIRECTIVES, BEARER + b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
    "a request behind the end": get(DIRECTIVES) + _HIDDEN,
    "a format over what is accepted": get(DIRECTIVES + b"&_format=json", BEARER + b"Accept: text/html\r\n"),
    "a bearer in small letters": get(DIRECTIVES, b"authorization: bearer {bearer}\r\n"),
}
ANSWERED = [
    Attack(name, "answered, and no more than that", sent, (200,), reaches="the request")
    for name, sent in _TRIED.items()
]
ASKED_OF_NOBODY = [
    Attack(name, "answered, and no more than that", sent, (200,), log="")
    for name, sent in {
        "OPTIONS": request(BASE + b"/Consent?patient=Patient/6", method=b"OPTIONS"),
        "OPTIONS of a resource": request(BASE + b"/Consent/1-1", b"", method=b"OPTIONS"),
        "metadata without a token": get(b"", b"", kind=b"/metadata"),
    }.items()
]

TABLE = [*ANSWERED, *ASKED_OF_NOBODY, *SMUGGLING, *HOSTS, *HEADERS, *SIZES, *METHODS, *ADDRESSES]
