"""Who asks: tokens, proofs of possession, page tokens, emergencies, client certificates, and the two inner doors."""

from __future__ import annotations

from hostile.attack import (
    ABSENT,
    BAD_PROOF,
    BASE,
    BEARER,
    BODY,
    BSN,
    CLAIMS,
    DEAD,
    DECEASED,
    DIRECTIVES,
    FORM,
    INVALID,
    ISSUER,
    JSON,
    MALFORMED,
    MEDIA,
    METHOD,
    NO_PROOF,
    OBJECTED,
    ONE,
    PAGE,
    STATED,
    STRANGER,
    TOO_BIG,
    UNKNOWN,
    UNLISTED,
    VERMEER,
    WRONG_SCOPE,
    Attack,
    get,
    named,
    post,
    request,
)

TOKENS = [
    *named(
        "tokens",
        {
            "no token": (get(DIRECTIVES, b""), 401, ABSENT),
            "a token in the URL": (get(DIRECTIVES + b"&access_token={bearer}", b""), 401, ABSENT),
            "a token in the form": (post(DIRECTIVES + b"&access_token={bearer}", FORM), 401, ABSENT),
            "a token in a cookie": (get(DIRECTIVES, b"Cookie: access_token={bearer}\r\n"), 401, ABSENT),
            "a token for the proxy": (get(DIRECTIVES, b"Proxy-Authorization: Bearer {bearer}\r\n"), 401, ABSENT),
            "another scheme": (get(DIRECTIVES, b"Authorization: Basic a2FkZTprYWRl\r\n"), 401, INVALID),
            "a scheme alone": (get(DIRECTIVES, b"Authorization: Bearer\r\n"), 401, INVALID),
            "two spaces": (get(DIRECTIVES, b"Authorization: Bearer  {bearer}\r\n"), 401, INVALID),
            "two tokens in one header": (get(DIRECTIVES, b"Authorization: Bearer {bearer}, Bearer {bearer}\r\n"), 401, INVALID),
            "a token and a word": (get(DIRECTIVES, b"Authorization: Bearer {bearer} x\r\n"), 401, INVALID),
            "a token nobody gave": (get(DIRECTIVES, b"Authorization: Bearer " + b"x" * 40 + b"\r\n"), 401, INVALID),
            "a token of 5000 letters": (get(DIRECTIVES, b"Authorization: Bearer " + b"x" * 5000 + b"\r\n"), 401, INVALID),
            "half a token": (get(DIRECTIVES, b"Authorization: Bearer {half}\r\n"), 401, INVALID),
            "a JWT that says alg none": (get(DIRECTIVES, b"Authorization: Bearer {none}\r\n"), 401, INVALID),
            "a JWT signed by its bearer": (get(DIRECTIVES, b"Authorization: Bearer {selfmade}\r\n"), 401, INVALID),
            "a JWT signed with a public key as a secret": (get(DIRECTIVES, b"Authorization: Bearer {hs256}\r\n"), 401, INVALID),
            "a token for another tenant": (get(DIRECTIVES, b"Authorization: Bearer {neighbor}\r\n"), 401, INVALID),
            "a token of another issuer at the same node": (get(DIRECTIVES, b"Authorization: Bearer {foreign}\r\n"), 401, ISSUER),
            "an unbound token shown as bound": (get(DIRECTIVES, b"Authorization: DPoP {bearer}\r\nDPoP: {proof:fine}\r\n"), 401, BAD_PROOF),
        },
    ),
    *(
        Attack(name, "tokens", sent, (403,), reason, reaches="the look-up")
        for name, sent, reason in (
            ("a role that may not look", get(DIRECTIVES, b"Authorization: Bearer {janitor}\r\n"), "PZP-CONSENT-002"),
            ("a patient who objected", get(DIRECTIVES.replace(b"t/1", b"t/6")), OBJECTED),
            ("a patient who objected, by BSN", post(BSN + VERMEER, kind=b"/Patient"), OBJECTED),
            ("a patient nobody knows", post(BSN + STRANGER, kind=b"/Patient"), UNKNOWN),
            ("a patient who died", post(BSN + DEAD, kind=b"/Patient"), DECEASED),
            ("a patient by an id nobody knows", get(DIRECTIVES.replace(b"t/1", b"t/9999")), UNKNOWN),
            ("a resource of a patient who objected", get(b"", kind=b"/Consent/{objected}"), OBJECTED),
            ("a search wider than its use", get(ONE), "PZP-POLICY-001"),
            ("another category", get(DIRECTIVES.replace(b"129125009", b"129125008")), "PZP-POLICY-001"),
            ("a category without its system", get(DIRECTIVES.replace(b"http://snomed.info/sct%7C", b"")), "PZP-POLICY-001"),
            ("a category of no system", get(DIRECTIVES.replace(b"http://snomed.info/sct%7C", b"%7C")), "PZP-POLICY-001"),
            ("a category and one more", get(DIRECTIVES + b",http://snomed.info/sct%7C1"), "PZP-POLICY-001"),
        )
    ),
]  # fmt: skip

_WRONG = {
    "fine, used before": "used",
    "of another method": "method", "of a method in small letters": "lower", "of a list of methods": "methods",
    "of another path": "path", "of another tenant": "tenant", "of another port": "port", "of plain http": "http",
    "of another host": "host", "of a host with a name in it": "user", "of no URL": "no-url",
    "of a URL that is a list": "urls", "for another token": "token", "for no token": "no-token",
    "an hour old": "old", "of the next hour": "future", "of no time": "no-time", "of a time in words": "words",
    "of a time that is true": "true", "of a time beyond any number": "huge", "of a time of four hundred digits": "digits",
    "without an id": "no-jti", "with an empty id": "empty-jti", "with an id of 300 letters": "long-jti",
    "with an id that is a number": "number-jti", "of another key": "key", "of another key under the token's name": "swapped",
    "with the private key in it": "private", "of alg none": "none", "of alg HS256 with the public key": "hs256",
    "of alg RS256 with an EC key": "rs256", "of alg ES384 with a P-256 key": "es384", "without alg": "no-alg",
    "of another type": "type", "without a type": "no-type", "with crit": "crit", "without its key": "no-jwk",
    "with a kid for a key": "kid", "with its signature cut off": "unsigned", "with a letter of its signature changed": "bent",
    "with its signature in DER": "der", "with a member named twice": "twice", "that is not JSON": "not-json",
    "of four parts": "four", "of 9000 letters": "long", "nested a thousand deep": "deep",
}  # fmt: skip

PROOFS = [
    Attack("a bound token without a proof", "proofs of possession", get(DIRECTIVES, b"Authorization: DPoP {bound}\r\n"), (401,), NO_PROOF),
    Attack("a bound token shown as a bearer's", "proofs of possession",
           get(DIRECTIVES, b"Authorization: Bearer {bound}\r\nDPoP: {proof:fine}\r\n"), (401,), NO_PROOF),
    Attack("two proofs", "proofs of possession",
           get(DIRECTIVES, b"Authorization: DPoP {bound}\r\nDPoP: {proof:fine}\r\nDPoP: {proof:fine}\r\n"), (401,), BAD_PROOF),
    Attack("a proof of a HEAD for a GET", "proofs of possession",
           get(DIRECTIVES, b"Authorization: DPoP {bound}\r\nDPoP: {proof:head}\r\n"), (401,), BAD_PROOF),
    Attack("a proof of a GET for a HEAD", "proofs of possession",
           get(DIRECTIVES, b"Authorization: DPoP {bound}\r\nDPoP: {proof:fine}\r\n", method=b"HEAD"), (401,), BAD_PROOF),
    *(
        Attack(f"a proof {name}", "proofs of possession",
               get(DIRECTIVES, b"Authorization: DPoP {bound}\r\nDPoP: {proof:" + made.encode() + b"}\r\n"), (401,), BAD_PROOF)
        for name, made in _WRONG.items()
    ),
]  # fmt: skip

PAGES = [
    *named(
        "page tokens",
        {
            "another employee's page": (get(b"_page={page}", b"Authorization: Bearer {colleague}\r\n"), 403, PAGE),
            "a page for another type": (get(b"_page={page}", kind=b"/Goal"), 403, PAGE),
            "a page with its end changed": (get(b"_page={page}AAA"), 403, PAGE),
            "a page cut short": (get(b"_page={page:cut}"), 403, PAGE),
            "a page of noughts": (get(b"_page=" + b"A" * 200), 403, PAGE),
            "a page and a patient": (get(b"_page={page}&" + ONE), 400, MALFORMED),
            "a patient and a page": (get(ONE + b"&_page={page}"), 400, MALFORMED),
            "two pages": (get(b"_page={page}&_page={page}"), 400, MALFORMED),
            "a page with a body": (get(b"_page={page}", body=ONE), 400, MALFORMED),
            "a page that is posted": (post(b"_page={page}"), 400, "PZP-REQUEST-003"),
            "a page at the base": (request(BASE + b"?_page={page}"), 400, MALFORMED),
            "a page of an older letter": (get(b"_PAGE={page}"), 400, "PZP-REQUEST-003"),
            "a page too short to be one": (get(b"_page=AAAA"), 400, MALFORMED),
            "a page that accepts Turtle only": (get(b"_page={page}", BEARER + b"Accept: text/turtle\r\n"), 406, "PZP-REQUEST-015"),
            "a page in Turtle": (get(b"_page={page}&_format=ttl"), 406, "PZP-REQUEST-015"),
            "a page in two forms": (get(b"_page={page}&_format=xml&_format=xml"), 400, MALFORMED),
        },
    ),
    Attack("a page of another tenant", "page tokens",
           request(b"/lindezicht/fhir/Consent?_page={page}", b"Authorization: Bearer {neighbor}\r\n"), (403,), PAGE, log="lindezicht"),
    Attack("a page without a token", "page tokens", get(b"_page={page}", b""), (401,), ABSENT),
]  # fmt: skip

_HOSPITAL = b"/meerwijck/fhir/Consent?" + DIRECTIVES.replace(b"t/1", b"t/10")
_CLAIMED = b"X-Break-Glass: true\r\nX-Purpose-Of-Use: ETREAT\r\npurpose: ETREAT\r\nemergency_reason: no-time\r\n"
EMERGENCIES = [
    Attack(name, "emergencies", sent, (status,), reason, log="meerwijck", reaches=reaches, door="hospital")
    for name, sent, status, reason, reaches in (
        ("an emergency that headers claim", request(_HOSPITAL, b"Authorization: Bearer {hospital}\r\n" + _CLAIMED), 403, OBJECTED, "the look-up"),
        ("an emergency that a parameter claims", request(_HOSPITAL + b"&purpose=ETREAT", b"Authorization: Bearer {hospital}\r\n"), 400, "PZP-REQUEST-003", "nothing"),
        ("an emergency for another set", request(b"/meerwijck/fhir/Goal?patient=Patient/10", b"Authorization: Bearer {emergency}\r\n"), 403, "PZP-EMERGENCY-004", "the look-up"),
        ("an emergency in a role that may not", request(_HOSPITAL, b"Authorization: Bearer {nurse}\r\n"), 403, "PZP-EMERGENCY-002", "the look-up"),
        ("an emergency of a type that may not", request(_HOSPITAL, b"Authorization: Bearer {practice}\r\n"), 403, "PZP-EMERGENCY-003", "the look-up"),
        ("an emergency about two patients", request(_HOSPITAL + b"&patient=Patient/1", b"Authorization: Bearer {emergency}\r\n"), 400, "PZP-REQUEST-001", "nothing"),
        ("an emergency about everybody", request(b"/meerwijck/fhir/Consent", b"Authorization: Bearer {emergency}\r\n"), 400, "PZP-REQUEST-007", "nothing"),
    )
]  # fmt: skip
EMERGENCIES.append(
    Attack("an emergency at a holder that takes none", "emergencies",
           get(DIRECTIVES, b"Authorization: Bearer {emergency}\r\n"), (401,), INVALID)
)  # fmt: skip
EMERGENCIES.append(
    Attack("a token of two scopes", "emergencies",
           request(_HOSPITAL, b"Authorization: Bearer {two-scopes}\r\n"), (403,), WRONG_SCOPE, log="meerwijck", door="hospital")
)  # fmt: skip
EMERGENCIES.append(
    Attack("an emergency without its reason", "emergencies",
           request(_HOSPITAL, b"Authorization: Bearer {unreasoned}\r\n"), (403,), CLAIMS, log="meerwijck", door="hospital")
)  # fmt: skip


def _notice(body: bytes, headers: bytes = JSON, tail: bytes = b"", method: bytes = b"POST") -> bytes:
    return request(b"/wilgenhof/mitz/notifications" + tail, headers, body, method=method)


_DOOM = b'{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient",'
NOTICES = [
    Attack("a notice of another gateway", "notifications", _notice(b"{notice}"), (401,), UNLISTED),
    Attack("a notice with a token instead", "notifications", _notice(b"{notice}", BEARER + JSON), (401,), UNLISTED),
    Attack("a notice of an EHR", "notifications", _notice(b"{notice}"), (401,), UNLISTED, shows="ehr"),
    Attack("a notice without a certificate", "notifications", _notice(b"{notice}"), (), shows="nobody"),
    Attack("a notice below the FHIR base", "notifications",
           request(BASE + b"/mitz/notifications", JSON, b"{notice}", method=b"POST"), (401,), ABSENT, shows="mitz"),
    Attack("a notice to nobody's tenant", "notifications",
           request(b"/nobody/mitz/notifications", JSON, b"{notice}", method=b"POST"), (404,), "PZP-AUTHN-015", log="system", shows="mitz"),
    Attack("a notice read instead of posted", "notifications",
           request(b"/wilgenhof/mitz/notifications", b""), (405,), METHOD, shows="mitz"),
    *(
        Attack(name, "notifications", _notice(body, headers), (status,), reason, shows="mitz")
        for name, body, headers, status, reason in (
            ("a notice of plain text", b"{notice}", b"Content-Type: text/plain\r\n", 415, ""),
            ("a notice without a type", b"{notice}", b"", 415, ""),
            ("a notice of a megabyte and more", b" " * 1_100_000, JSON, 413, ""),
            ("a notice that is half a Bundle", _DOOM, JSON, 400, ""),
            ("a notice of sixty thousand brackets", b"[" * 60_000, JSON, 400, ""),
            ("a notice with a DTD", b'<!DOCTYPE x [<!ENTITY a "b">]><Bundle xmlns="http://hl7.org/fhir"/>',
             b"Content-Type: application/fhir+xml\r\n", 400, ""),
            ("a notice that names a key twice", b'{"resourceType":"Bundle","resourceType":"x"}', JSON, 400, ""),
            ("a notice that is no transaction", b'{"resourceType":"Bundle","type":"batch","entry":[]}', JSON, 400, ""),
        )
    ),
]  # fmt: skip

_MINE = b"/wilgenhof/pdp"


def _asks(path: bytes, body: bytes, headers: bytes = JSON, method: bytes = b"POST") -> bytes:
    return request(path, headers, body, method=method)


DECISIONS = [
    Attack(name, "decision API", sent, (status,), reason, log=log, reaches=reaches, door="operations", shows="plain")
    for name, sent, status, reason, log, reaches in (
        ("a question by GET", request(_MINE, JSON), 405, METHOD, "system", "nothing"),
        ("a question of plain text", _asks(_MINE, b"{}", b"Content-Type: text/plain\r\n"), 415, MEDIA, "system", "nothing"),
        ("a question that is not JSON", _asks(_MINE, b"{"), 400, BODY, "system", "nothing"),
        ("a question that names a key twice", _asks(_MINE, b'{"input":{},"input":{}}'), 400, BODY, "system", "nothing"),
        ("a question with NaN in it", _asks(_MINE, b'{"input":NaN}'), 400, BODY, "system", "nothing"),
        ("a question of 257 KiB", _asks(_MINE, b" " * 263_000), 413, TOO_BIG, "system", "nothing"),
        ("a question nested ten thousand deep", _asks(_MINE, b"[" * 10_000), 400, BODY, "system", "nothing"),
        ("a question that is a list", _asks(_MINE, b"[]"), 200, BODY, "system", "nothing"),
        ("a question to nobody's tenant", _asks(b"/nobody/pdp", b"{question}"), 200, "PZP-AUTHN-015", "system", "nothing"),
        ("a question to no tenant at all", _asks(b"/pdp", b'{"input":{}}'), 200, "PZP-AUTHN-015", "system", "nothing"),
        ("an empty question", _asks(_MINE, b'{"input":{}}'), 200, WRONG_SCOPE, "wilgenhof", "nothing"),
        ("a token that is not active", _asks(_MINE, b"{question:inactive}"), 200, INVALID, "wilgenhof", "nothing"),
        ("a token of another tenant", _asks(_MINE, b"{question:neighbor}"), 200, ISSUER, "wilgenhof", "nothing"),
        ("a token that ended", _asks(_MINE, b"{question:ended}"), 200, INVALID, "wilgenhof", "nothing"),
        ("a policy nobody has", _asks(_MINE, b"{question:nobody}"), 200, WRONG_SCOPE, "wilgenhof", "nothing"),
        ("another holder", _asks(_MINE, b"{question:holder}"), 200, STATED, "wilgenhof", "nothing"),
        ("another purpose", _asks(_MINE, b"{question:purpose}"), 200, "PZP-REQUEST-011", "wilgenhof", "nothing"),
        ("another BSN than the patient's", _asks(_MINE, b"{question:bsn}"), 200, "PZP-PATIENT-004", "wilgenhof", "the look-up"),
        ("another id than the patient's", _asks(_MINE, b"{question:id}"), 200, "PZP-PATIENT-004", "wilgenhof", "the look-up"),
        ("a consent that the question brings along", _asks(_MINE, b"{question:consent}"), 200, OBJECTED, "wilgenhof", "the look-up"),
        ("two patients in a question", _asks(_MINE, b"{question:patients}"), 200, "PZP-REQUEST-001", "wilgenhof", "nothing"),
        ("a body in the question of a GET", _asks(_MINE, b"{question:body}"), 200, "PZP-REQUEST-001", "wilgenhof", "nothing"),
        ("an override in the question's headers", _asks(_MINE, b"{question:override}"), 200, METHOD, "wilgenhof", "nothing"),
        ("auth_request without what is asked", request(b"/wilgenhof/decision/v1/authorize"), 403, BODY, "system", "nothing"),
        ("auth_request with two URLs", request(b"/wilgenhof/decision/v1/authorize", BEARER + b"X-Original-Method: GET\r\n"
         + (b"X-Original-URI: " + BASE + b"/Consent?" + DIRECTIVES + b"\r\n") * 2), 403, MALFORMED, "wilgenhof", "nothing"),
        ("auth_request for another tenant", request(b"/wilgenhof/decision/v1/authorize", BEARER + b"X-Original-Method: GET\r\n"
         b"X-Original-URI: /lindezicht/fhir/Patient/1\r\n"), 403, MALFORMED, "system", "nothing"),
        ("auth_request without a token", request(b"/wilgenhof/decision/v1/authorize", b"X-Original-Method: GET\r\n"
         b"X-Original-URI: " + BASE + b"/Consent?" + DIRECTIVES + b"\r\n"), 401, ABSENT, "wilgenhof", "nothing"),
    )
]  # fmt: skip

_ASKED = get(DIRECTIVES)
CERTIFICATES = [
    Attack("no certificate", "client certificates", _ASKED, (), shows="nobody"),
    Attack("a certificate of another authority by the same name", "client certificates", _ASKED, (), shows="stranger"),
    Attack("a certificate that its holder signed", "client certificates", _ASKED, (), shows="selfmade"),
    Attack("no TLS", "client certificates", _ASKED, (), shows="plain"),
    Attack("a certificate in a header", "client certificates",
           get(DIRECTIVES, b"X-SSL-Client-Cert: {pem}\r\nX-Forwarded-Client-Cert: {pem}\r\n"), (401,), ABSENT),
]  # fmt: skip

TABLE = [*TOKENS, *PROOFS, *PAGES, *EMERGENCIES, *NOTICES, *DECISIONS, *CERTIFICATES]
