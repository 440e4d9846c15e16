"""The nginx of docs/how-to/nginx.md, read from that page and run for real before the simulated region."""

from __future__ import annotations

import asyncio
import getpass
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml
from staging import BSN, CATEGORY, SCOPE, Raw, Visitor

from nuts_pzp.cli.stage import Stage
from nuts_pzp.sandbox.mitz.faults import Fault

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
PAGE = Path(__file__).parents[2] / "docs/how-to/nginx.md"
GATEWAY, HOLDER = "providers", "wilgenhof"
POSTMA, VERMEER = "999930412", "900011233"

pytestmark = [
    pytest.mark.interop,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed (Debian package nginx)"),
]

MAIN = """{user}worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 256; }}
http {{
client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
{servers}
}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def configuration(replaced: Mapping[str, str]) -> str:
    """The page's configuration with this machine's addresses; each of them must stand on the page."""
    [found] = re.findall(r"^```nginx\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    for there, here in replaced.items():
        assert there in found, there
        found = found.replace(there, here)
    return str(found)


@dataclass
class Front:
    """nginx before one gateway of a region."""

    stage: Stage
    visitor: Visitor
    port: int
    folder: Path

    @property
    def base(self) -> str:
        return f"https://127.0.0.1:{self.port}/{HOLDER}/fhir"

    async def ask(self, target: str, token: str | None = None, **how: Any) -> httpx.Response:
        headers = {"accept": "application/fhir+json"} | ({"authorization": f"Bearer {token}"} if token else {})
        headers |= how.pop("headers", {})
        return await self.visitor.client(None).request(
            how.pop("method", "GET"), self.base + target, headers=headers, **how
        )

    async def directives(self, patient_id: str, token: str | None, **how: Any) -> httpx.Response:
        query = {"patient": f"Patient/{patient_id}", "scope": SCOPE, "category": CATEGORY}
        return await self.ask(f"/Consent?{httpx.QueryParams(query)}", token, **how)

    async def raw(self, target: str, token: str) -> Raw | None:
        """Send a request line that no client library would."""
        lines = f"GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        return await self.visitor.raw(self.port, lines.encode())

    def recorded(self, answer: httpx.Response | Raw) -> list[Any]:
        return self.visitor.records(GATEWAY, HOLDER, answer.headers["x-meldcode"])

    def asked_of_records(self) -> int:
        """How many requests the FHIR server has had."""
        return sum(line.service == f"fhir:{HOLDER}" for line in self.stage.region.lines.seen)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def front(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Front]:
    folder = tmp_path_factory.mktemp("nginx")
    async with Stage(folder / "region", hospice="answers", gateways=()) as stage:
        port = free_port()
        _behind(stage, port)
        await stage.start_gateways(GATEWAY)
        command = _command(stage, folder, port)
        tested = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=30)
        assert tested.returncode == 0, tested.stderr
        process = await asyncio.create_subprocess_exec(*command)
        visitor = Visitor(stage)
        try:
            await _listening(port)
            yield Front(stage, visitor, port, folder)
        finally:
            await visitor.close()
            process.terminate()
            await process.wait()


def _behind(stage: Stage, port: int) -> None:
    """Tell the gateway the address that nginx has."""
    gateway = stage.region.gateways[GATEWAY]
    deployment = yaml.safe_load(gateway.deployment_file.read_text("utf-8"))
    deployment["listeners"]["network"]["url"] = f"https://127.0.0.1:{port}"
    gateway.deployment_file.write_text(yaml.safe_dump(deployment), "utf-8")
    file = gateway.folder / "tenants" / f"{HOLDER}.yaml"
    tenant = yaml.safe_load(file.read_text("utf-8"))
    tenant["disclose"]["decision"]["base"] = f"https://127.0.0.1:{port}/{HOLDER}/fhir"
    file.write_text(yaml.safe_dump(tenant), "utf-8")


def _command(stage: Stage, folder: Path, port: int) -> list[str]:
    region = stage.region
    gateway, records = region.gateways[GATEWAY], httpx.URL(region.fhir_urls[HOLDER])
    servers = configuration(
        {
            "meerwijck/": f"{HOLDER}/",
            "gateway.meerwijck.example;": "localhost;",
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "server 127.0.0.1:9090": f"server 127.0.0.1:{gateway.operations}",
            "server 127.0.0.1:8443": f"server 127.0.0.1:{gateway.network}",
            "server 127.0.0.1:8080": f"server 127.0.0.1:{records.port}",
            "/etc/nginx/tls/fhir.pem": str(gateway.server.certificate_file),
            "/etc/nginx/tls/fhir.key": str(gateway.server.key_file),
            "/etc/nginx/tls/gateway-roots.pem": str(region.authority.root_file),
            "/etc/nginx/tls/nginx-client.pem": str(gateway.client.certificate_file),
            "/etc/nginx/tls/nginx-client.key": str(gateway.client.key_file),
        }
    )
    user = "user root;\n" if getpass.getuser() == "root" else ""
    (folder / "nginx.conf").write_text(MAIN.format(user=user, folder=folder, servers=servers), "utf-8")
    assert NGINX is not None
    return [NGINX, "-e", f"{folder}/error.log", "-p", str(folder), "-c", str(folder / "nginx.conf")]


async def _listening(port: int) -> None:
    for _ in range(100):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        except OSError:
            await asyncio.sleep(0.05)
    raise AssertionError("nginx does not listen")


async def test_a_permitted_search_is_answered_by_the_fhir_server(front: Front) -> None:
    answer = await front.directives("1", await front.visitor.token(HOLDER))
    assert answer.status_code == 200, answer.text
    assert answer.json()["resourceType"] == "Bundle"
    assert answer.json()["entry"]
    assert answer.headers["cache-control"] == "no-store"
    [entry] = front.recorded(answer)
    assert (entry.record["outcome"]["kind"], entry.record["enforced_by"]) == ("permit", "loopback")
    assert entry.record["net"]["means"] == "nuts-bearer"


async def test_a_read_is_answered(front: Front) -> None:
    answer = await front.ask("/Patient/1", await front.visitor.token(HOLDER))
    assert (answer.status_code, answer.json()["id"]) == (200, "1")


@pytest.mark.parametrize("token", [None, "x" * 40])
async def test_without_a_good_token_it_is_401_with_a_challenge(front: Front, token: str | None) -> None:
    answer = await front.directives("1", token)
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (401, "login")
    assert answer.headers.get_list("www-authenticate") == ['DPoP algs="ES256", Bearer']


async def test_who_objected_is_refused_and_the_fhir_server_not_asked_for_it(front: Front) -> None:
    token = await front.visitor.token(HOLDER)
    before = front.asked_of_records()
    answer = await front.directives("6", token)
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (403, "forbidden")
    assert [one.reason for one in front.recorded(answer)] == ["PZP-CONSENT-010"]
    assert front.asked_of_records() == before + 1, "the gateway looked up whose data it is, and that was all"


async def test_the_patient_of_another_holder_is_refused_alike(front: Front) -> None:
    token = await front.visitor.token(HOLDER)
    unknown, objected = await front.directives("77", token), await front.directives("6", token)
    assert (unknown.status_code, unknown.content) == (objected.status_code, objected.content)
    assert [one.reason for one in front.recorded(unknown)] == ["PZP-PATIENT-001"]


async def test_two_patients_in_one_request_never_reach_the_fhir_server(front: Front) -> None:
    token, before = await front.visitor.token(HOLDER), front.asked_of_records()
    answer = await front.ask("/Consent?patient=Patient/1&patient=Patient/6", token)
    assert answer.status_code == 403
    assert front.asked_of_records() == before


async def test_mitz_down_is_not_answered(front: Front) -> None:
    front.stage.region.mitz.faults.set(Fault("status", status=503))
    try:
        answer = await front.directives("1", await front.visitor.token(HOLDER))
    finally:
        front.stage.region.mitz.faults.clear()
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (503, "transient")
    assert answer.headers["retry-after"] == "30"
    assert front.recorded(answer)[0].reason.startswith("PZP-CONSENT-01")


@pytest.mark.parametrize(
    "target",
    [
        "/wilgenhof/fhir/Consent?patient=Patient%2F1%00",
        "/wilgenhof/fhir/../fhir/Consent?patient=Patient/1",
        "/wilgenhof/./fhir/Consent?patient=Patient/1",
        "/wilgenhof//fhir/Consent?patient=Patient/1",
        "/%77ilgenhof/fhir/Consent?patient=Patient/1",
        "/wilgenhof/fhir/Consent?patient=Patient/1&_format=xml",
        "/wilgenhof/fhir/Consent;x?patient=Patient/1",
        "/wilgenhof/fhir/Consent?patient=Patient/1&_include=Consent:patient",
        "/wilgenhof/fhir/Patient?identifier=http://fhir.nl/fhir/NamingSystem/bsn%7C999930412",
        "/wilgenhof/fhir/?patient=1",
    ],
)
async def test_another_spelling_of_a_target_never_reaches_the_fhir_server(front: Front, target: str) -> None:
    token, before = await front.visitor.token(HOLDER), front.asked_of_records()
    answer = await front.raw(target, token)
    assert answer is not None
    assert answer.status in (400, 403, 404)
    assert front.asked_of_records() == before


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
async def test_nothing_but_get_is_forwarded(front: Front, method: str) -> None:
    token, before = await front.visitor.token(HOLDER), front.asked_of_records()
    answer = await front.directives("1", token, method=method)
    assert answer.status_code in (403, 405, 503)
    assert front.asked_of_records() == before


async def test_headers_of_the_client_decide_nothing(front: Front) -> None:
    """Whoever knows how nginx asks cannot put words in its mouth."""
    smuggled = {"X-Original-URI": "/wilgenhof/fhir/Consent?patient=Patient/1", "X-Original-Method": "GET"}
    answer = await front.directives("6", await front.visitor.token(HOLDER), headers=smuggled)
    assert answer.status_code == 403
    assert (await front.ask("/../../_decision")).status_code == 404


async def test_a_posted_search_is_the_gateway_s_own(front: Front) -> None:
    token = await front.visitor.token(HOLDER)
    form = {"identifier": f"{BSN}|{POSTMA}"}
    answer = await front.ask("/Patient/_search", token, method="POST", data=form)
    assert answer.status_code == 200, answer.text
    assert answer.json()["entry"][0]["resource"]["id"] == "1"
    assert [one.code for one in front.recorded(answer)] == ["disclosure.decision", "disclosure.result"]
    refused = await front.ask("/Patient/_search", token, method="POST", data={"identifier": f"{BSN}|{VERMEER}"})
    assert refused.status_code == 403


async def test_the_capability_statement_is_the_gateway_s_own(front: Front) -> None:
    assert (await front.ask("/metadata")).json()["implementation"]["url"] == front.base


async def test_no_token_and_no_bsn_is_in_what_nginx_writes(front: Front) -> None:
    token = await front.visitor.token(HOLDER)
    await front.directives("6", token)
    written = (front.folder / "error.log").read_text("utf-8", "replace")
    assert token not in written
    assert POSTMA not in written


async def test_without_the_gateway_nothing_is_answered(front: Front) -> None:
    """Last: it takes the gateway away."""
    token = await front.visitor.token(HOLDER)
    await front.stage.stop_gateways(GATEWAY)
    before = front.asked_of_records()
    answer = await front.directives("1", token)
    assert (answer.status_code, answer.json()["resourceType"]) == (503, "OperationOutcome")
    assert front.asked_of_records() == before
