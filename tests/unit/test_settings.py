"""Settings are refused by name, with words that mend them."""

from __future__ import annotations

from pathlib import Path

import pytest

from nuts_pzp.gateway import placed
from nuts_pzp.settings import DiscloseSettings, SettingsError, read_deployment, read_tenant

DEPLOYMENT = """
name: meerwijck.example
listeners:
  operations: {port: 9090}
audit: {path: ledger.sqlite, keys: keys}
state: state
tenants: tenants
"""

TENANT = """
id: meerwijck
organization: {ura: "90000222", type: V6, name: Ziekenhuis Meerwijck}
addressing: {kind: regional_file, file: region.yaml}
"""


def written(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text, "utf-8")
    return file


def test_the_least_that_is_needed(tmp_path: Path) -> None:
    assert read_deployment(written(tmp_path, "d.yaml", DEPLOYMENT)).listeners.operations.port == 9090
    tenant = read_tenant(written(tmp_path, "meerwijck.yaml", TENANT))
    assert (tenant.tenant().organization.ura.value, tenant.addressing.own) == ("90000222", {"file": "region.yaml"})


def test_one_process_is_the_default_and_none_is_refused(tmp_path: Path) -> None:
    assert read_deployment(written(tmp_path, "d.yaml", DEPLOYMENT)).workers == 1
    with pytest.raises(SettingsError, match="workers"):
        read_deployment(written(tmp_path, "e.yaml", DEPLOYMENT + "workers: 0\n"))


WRONG = {
    "unknown key": (DEPLOYMENT + "colour: blue\n", "colour: unknown key"),
    "misspelt key deep down": (
        DEPLOYMENT.replace("port: 9090", "prot: 9090"),
        "listeners.operations.prot: unknown key",
    ),
    "missing key": (DEPLOYMENT.replace("state: state\n", ""), "state: is missing"),
    "port out of range": (DEPLOYMENT.replace("9090", "90900"), "listeners.operations.port"),
    "not a network": (DEPLOYMENT + "outbound: {allowed_networks: [all]}\n", "outbound.allowed_networks"),
    "not YAML": ("name: [", "not YAML at line"),
    "a key twice": ("name: a\nstate: x\nname: b\n", "a key stands twice, the second time at line 3"),
    "brackets without end": ("[" * 5_000, "nested too deeply"),
    "a list": ("- a\n", "a mapping of settings is expected"),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_deployment_file_says_which_key(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_deployment(written(tmp_path, "deployment.yaml", text))
    assert said in str(error.value)
    assert "deployment.yaml" in str(error.value)


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("adapters: regio", "adapters: a list is expected"),
        ("indicators: maybe", "indicators: true or false is expected"),
        ("outbound: {allowed_networks: public}", "outbound.allowed_networks: a list is expected"),
        (
            "outbound: {allowed_networks: [10.1.2.3/24]}",
            "outbound.allowed_networks: each a network such as 10.0.0.0/24 (its first address), or public",
        ),
        ("log: [info]", "log: a mapping of settings is expected"),
        ("decision_api: {}", "decision_api: decision_api: either clients (by certificate), or loopback: true"),
    ],
)
def test_what_is_wrong_is_said_in_the_words_of_the_file(tmp_path: Path, added: str, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_deployment(written(tmp_path, "d.yaml", f"{DEPLOYMENT}{added}\n"))
    assert str(error.value) == f"d.yaml: {said}"


def test_a_text_and_a_path_are_called_so(tmp_path: Path) -> None:
    for change, said in (
        (("tenants: tenants", "tenants: [a]"), "d.yaml: tenants: the name of a file or folder is expected"),
        (("name: meerwijck.example", "name: 5"), "d.yaml: name: a text is expected (in YAML: between quotes)"),
    ):
        with pytest.raises(SettingsError) as error:
            read_deployment(written(tmp_path, "d.yaml", DEPLOYMENT.replace(*change)))
        assert str(error.value) == said


def test_a_value_is_never_repeated(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        read_tenant(written(tmp_path, "meerwijck.yaml", TENANT.replace("90000222", "geheim-1234")))
    assert "geheim" not in str(error.value)


def test_a_tenant_file_bears_the_tenant_s_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="the file's own name"):
        read_tenant(written(tmp_path, "other.yaml", TENANT))


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        read_deployment(tmp_path / "deployment.yaml")


@pytest.mark.parametrize(
    ("listed", "permitted", "refused"),
    [
        ("[]", "1.1.1.1", "10.0.0.7"),
        ("[public]", "1.1.1.1", "10.0.0.7"),
        ("[10.0.0.0/24]", "10.0.0.7", "1.1.1.1"),
        ("[public, 10.0.0.0/24]", "10.0.0.7", "10.0.1.7"),
        ("[public, 10.0.0.0/24]", "1.1.1.1", "127.0.0.1"),
    ],
)
def test_the_word_public_adds_what_may_be_dialled_by_itself(
    tmp_path: Path, listed: str, permitted: str, refused: str
) -> None:
    file = written(tmp_path, "d.yaml", DEPLOYMENT + f"outbound: {{allowed_networks: {listed}}}\n")
    outbound = read_deployment(file).outbound.outbound()
    assert outbound.permits(permitted)
    assert not outbound.permits(refused)


def test_the_epoch_of_the_logs_reaches_the_ledger_and_starts_at_one(tmp_path: Path) -> None:
    later = DEPLOYMENT.replace("keys: keys", "keys: keys, epoch: 2")
    for text, origin in ((DEPLOYMENT, "90000222/1"), (later, "90000222/2")):
        place = placed(read_deployment(written(tmp_path, "deployment.yaml", text)), tmp_path)
        assert place.origin("90000222") == f"meerwijck.example/nuts-pzp/{origin}"
    with pytest.raises(SettingsError, match=r"audit\.epoch"):
        read_deployment(written(tmp_path, "deployment.yaml", DEPLOYMENT.replace("keys: keys", "keys: keys, epoch: 0")))


DISCLOSE = """disclose:
  authentication: {kind: nuts_node}
  records: {kind: fhir_server}
  consent: {mitz: not-connected, sources: [{kind: local}]}
"""


def disclosing(tmp_path: Path, more: str) -> DiscloseSettings:
    own = read_tenant(written(tmp_path, "meerwijck.yaml", TENANT + DISCLOSE + more)).disclose
    assert own is not None
    return own


def test_one_policy_is_that_of_the_default_scope(tmp_path: Path) -> None:
    own = disclosing(tmp_path, "  policy: {kind: regorus}\n")
    assert (list(own.named_policies), own.scopes) == (["pzp"], {"pzp-gf": "pzp"})


def test_several_policies_are_chosen_by_scope(tmp_path: Path) -> None:
    own = disclosing(
        tmp_path,
        "  policy: {kind: regorus}\n  policies: {bgz: {kind: opa}}\n  scopes: {pzp-gf: pzp, bgz-gf: bgz}\n",
    )
    assert {name: slot.kind for name, slot in own.named_policies.items()} == {"pzp": "regorus", "bgz": "opa"}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", "policy: is missing"),
        ("  policy: {kind: regorus}\n  policies: {pzp: {kind: opa}}\n", "write one"),
        ("  policies: {bgz: {kind: regorus}}\n", "policy pzp, which is not among policies"),
        ("  policy: {kind: regorus}\n  scopes: {pzp-gf: pzp, bgz: bgz}\n", "policy bgz, which is not among"),
        ("  policy: {kind: regorus}\n  scopes: {}\n", "disclose.scopes"),
        ("  policies: {BgZ: {kind: regorus}}\n", "disclose.policies.BgZ"),
    ],
)
def test_a_scope_without_a_policy_and_a_policy_written_twice_are_refused(tmp_path: Path, more: str, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        disclosing(tmp_path, more)
    assert said in str(error.value)


CONSULTING = (
    TENANT
    + """
consult:
  ehr: {kind: mtls, clients: []}
  localization: [{kind: nvi}]
  credentials: {kind: nuts_node}
  connector: {kind: fhir_server}
"""
)


def test_whom_to_phone_is_listed_by_padded_ura(tmp_path: Path) -> None:
    listed = '  phones: [{ura: "90111", name: De Wilgenhof, phone: 0570-555111, usual: true}]\n  at_once: 7\n'
    consult = read_tenant(written(tmp_path, "meerwijck.yaml", CONSULTING + listed)).consult
    assert consult is not None
    assert [(one.ura, one.phone, one.usual) for one in consult.phones] == [("00090111", "0570-555111", True)]
    assert consult.at_once == 7


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("  phones: [{ura: x, name: a, phone: 0570-1}]\n", "consult.phones.0.ura"),
        ("  phones: [{ura: '1', name: a, phone: bel maar}]\n", "consult.phones.0.phone"),
        ("  phones: [{ura: '1', name: a}]\n", "consult.phones.0.phone: is missing"),
        ("  at_once: 0\n", "consult.at_once"),
    ],
)
def test_a_wrong_number_or_bound_is_refused(tmp_path: Path, added: str, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_tenant(written(tmp_path, "meerwijck.yaml", CONSULTING + added))
    assert said in str(error.value)


def test_a_tenant_has_one_server_of_its_own(tmp_path: Path) -> None:
    disclose = """disclose:
  authentication: {kind: nuts_node}
  records: {kind: fhir_server}
  consent: {sources: [{kind: mitz}]}
  policy: {kind: regorus}
"""
    both = CONSULTING + "  records: {kind: fhir_server}\n"
    assert read_tenant(written(tmp_path, "meerwijck.yaml", both)).consult
    with pytest.raises(SettingsError, match=r"consult\.records"):
        read_tenant(written(tmp_path, "meerwijck.yaml", both + disclose))


ROOTED = DEPLOYMENT.replace("{port: 9090}", "{port: 9090, certificate_file: c, key_file: k, client_roots_file: r}")
CLIENT = "{name: nginx, sha256: " + "4F:" * 31 + "4f, tenants: [meerwijck]}"


def test_decisions_are_off_until_somebody_may_ask(tmp_path: Path) -> None:
    assert read_deployment(written(tmp_path, "d.yaml", DEPLOYMENT)).decision_api is None
    api = read_deployment(written(tmp_path, "d.yaml", ROOTED + f"decision_api: {{clients: [{CLIENT}]}}\n")).decision_api
    assert api is not None
    assert (api.clients[0].sha256, api.clients[0].tenants) == ("4f" * 32, ("meerwijck",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (DEPLOYMENT + "decision_api: {}\n", "either clients"),
        (ROOTED + f"decision_api: {{loopback: true, clients: [{CLIENT}]}}\n", "either clients"),
        (DEPLOYMENT + f"decision_api: {{clients: [{CLIENT}]}}\n", "client_roots_file"),
        (
            DEPLOYMENT.replace("port: 9090", "port: 9090, host: 0.0.0.0") + "decision_api: {loopback: true}\n",
            "on loopback",
        ),
        (DEPLOYMENT.replace("port: 9090", "port: 9090, host: gw") + "decision_api: {loopback: true}\n", "on loopback"),
        (ROOTED + "decision_api: {clients: [{name: x, sha256: abc, tenants: [a]}]}\n", "decision_api.clients.0.sha256"),
        (
            ROOTED + f"decision_api: {{clients: [{CLIENT.replace('[meerwijck]', '[]')}]}}\n",
            "decision_api.clients.0.tenants",
        ),
    ],
)
def test_decisions_for_anybody_are_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_deployment(written(tmp_path, "deployment.yaml", text))
    assert said in str(error.value)


@pytest.mark.parametrize("base", ["fhir.example", "https://a/fhir/", "https://a/fhir?x", "ftp://a", "https://a//b", ""])
def test_the_base_of_an_enforcement_point_is_an_address_without_a_last_slash(tmp_path: Path, base: str) -> None:
    with pytest.raises(SettingsError, match=r"disclose\.decision\.base"):
        disclosing(tmp_path, f"  policy: {{kind: regorus}}\n  decision: {{base: '{base}'}}\n")
    good = disclosing(tmp_path, "  policy: {kind: regorus}\n  decision: {base: 'https://a/meerwijck/fhir'}\n")
    assert good.decision is not None


def _door(key: str, value: str) -> str:
    return DEPLOYMENT.replace("{port: 9090}", f"{{port: 9090, {key}: {value}}}")


NO_URLS = "gw.example ftp://gw.example https:// https://u:p@gw.example https://gw.example:99999 https://127.1"
NO_URLS += " https://gw.example/a?b=c https://gw.example/#a https://gw.example/%zz https://gw.example\\a"


@pytest.mark.parametrize("url", NO_URLS.split())
def test_a_url_that_is_none_is_refused_when_it_is_read(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_deployment(written(tmp_path, "d.yaml", _door("url", f"'{url}'")))
    expected = "a URL such as https://host.example/path is expected, without user name, query or fragment"
    assert str(error.value) == f"d.yaml: listeners.operations.url: {expected}"


@pytest.mark.parametrize("url", ["''", "https://gw.example", "https://gw.example:8443/pzp/", "'http://[::1]:80'"])
def test_a_url_that_is_one_stays_as_it_was_written(tmp_path: Path, url: str) -> None:
    found = read_deployment(written(tmp_path, "d.yaml", _door("url", url)))
    assert found.listeners.operations.url == url.strip("'")


@pytest.mark.parametrize("host", ["''", "https://a.example", "'127.0.0.1:9090'", "'[::1]'", "'127.1'", "a b"])
def test_a_listener_binds_to_an_address_or_a_name(tmp_path: Path, host: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_deployment(written(tmp_path, "d.yaml", _door("host", host)))
    expected = "an IP address or a host name is expected, without scheme, port or brackets"
    assert str(error.value) == f"d.yaml: listeners.operations.host: {expected}"
    for fine in ("0.0.0.0", "'::'", "localhost", "gw-1.example"):
        read_deployment(written(tmp_path, "d.yaml", _door("host", fine)))


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("{kind: postgres, dsn_env: DSN}", "state.folder: is missing"),
        ("{kind: postgres, dsn_env: DSN, folder: [a]}", "state.folder: the name of a file or folder is expected"),
        (
            "{kind: postgres, dsn_env: DSN, folder: a, dns: b}",
            "state.dns: unknown key (remove it or check its spelling)",
        ),
        ("{kind: mysql, dsn_env: DSN, folder: a}", "state.kind: Input should be 'postgres'"),
        ("5", "state: a mapping of settings is expected"),
    ],
)
def test_the_key_of_the_state_is_the_one_in_the_file(tmp_path: Path, state: str, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_deployment(written(tmp_path, "d.yaml", DEPLOYMENT.replace("state: state", f"state: {state}")))
    assert str(error.value) == f"d.yaml: {said}"
