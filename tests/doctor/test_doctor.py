"""``gen3nb.doctor``: each breakage is a real one, each finding has a remedy, and no secret shows."""

from __future__ import annotations

import http.server
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import gen3nb
from gen3nb.doctor import Examination, Finding, examine, packages


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty home, and an environment that names no commons."""
    home = tmp_path / "home"
    (home / ".gen3").mkdir(parents=True, mode=0o700)
    monkeypatch.setenv("HOME", str(home))
    for name in ("GEN3NB_PROFILE", "GEN3_API_KEY", "KUBERNETES_SERVICE_HOST", "NAMESPACE", "GEN3_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    return home


def one(found: Examination, check: str) -> Finding:
    """Give the only finding of a check, whose remedy is there if it is one to act on."""
    held = [finding for finding in found.findings if finding.check == check]
    assert len(held) == 1, found.findings
    if held[0].status in ("wrong", "warning"):
        assert held[0].remedy, held
    return held[0]


def write_profile(home: Path, endpoint: str, key: dict[str, str]) -> Path:
    path = home / ".gen3" / "gen3_client_config.ini"
    path.write_text(
        f"[mine]\nkey_id = {key['key_id']}\napi_key = {key['api_key']}\naccess_token = \n"
        f"api_endpoint = {endpoint}\nuse_shepherd = \nmin_shepherd_version = \n"
    )
    path.chmod(0o600)
    return path


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_all_is_well(commons: gen3nb.Commons, project: str) -> None:
    found = examine(commons.endpoint, credentials=commons.sandbox.credentials("submitter"))
    assert found.ok, found.findings
    assert str(found) == "nothing is wrong"
    assert {one(found, check).status for check in ("Python", "packages", "key", "connection")} == {"ok"}
    assert "submitter" in one(found, "token").said
    assert "create in" in one(found, "permissions").said
    assert "sheepdog" in one(found, "services").said
    assert one(found, "clock").status == "ok"
    assert found.to_frame().shape == (len(found.findings), 4)
    assert "<table>" in found._repr_html_()
    with pytest.raises(TypeError):
        bool(found)


def test_no_profile_and_no_network() -> None:
    found = examine()
    assert one(found, "profiles").status == "skipped"
    assert one(found, "key").status == "wrong"
    assert "gen3nb sandbox start" in one(found, "key").remedy
    assert one(found, "commons").status == "skipped"
    assert not found.ok


def test_a_clock_that_is_wrong(commons: gen3nb.Commons) -> None:
    key = commons.sandbox.credentials("reader")
    for offset, status, word in ((600, "wrong", "behind"), (-60, "warning", "ahead")):
        commons.sandbox.settings(clock_offset=offset)
        try:
            finding = one(examine(commons.endpoint, credentials=key), "clock")
        finally:
            commons.sandbox.settings(clock_offset=0)
        assert finding.status == status
        assert word in finding.said


def test_a_key_that_ends_tomorrow_or_has_ended(commons: gen3nb.Commons, tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    for seconds, status in ((86_400, "warning"), (-86_400, "wrong"), (-60, "wrong")):
        path.write_text(json.dumps(commons.sandbox.api_key("reader", expires_in=seconds)))
        path.chmod(0o600)
        found = examine(commons.endpoint, credentials=path)
        assert one(found, "key").status == status
        assert found.ok is (status == "warning")
        assert one(found, "connection").status == "ok"  # the way is looked at all the same


def test_a_key_file_that_others_may_read(commons: gen3nb.Commons, tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text(commons.sandbox.credentials("reader").read_text())
    path.chmod(0o644)
    finding = one(examine(commons.endpoint, credentials=path), "key file")
    assert finding.status == "wrong"
    assert finding.remedy == f"chmod 600 {path}"
    path.chmod(0o600)
    assert examine(commons.endpoint, credentials=path).ok


def test_a_profile_file_that_is_broken_or_open(commons: gen3nb.Commons, home: Path) -> None:
    key = json.loads(commons.sandbox.credentials("reader").read_text())
    path = write_profile(home, commons.endpoint, key)
    assert examine(profile="mine").ok
    path.chmod(0o644)
    assert "chmod 600" in one(examine(profile="mine"), "profiles").remedy
    path.chmod(0o600)
    path.write_text("stray words\n" + path.read_text())
    before = path.read_bytes()
    finding = one(examine(profile="mine"), "profiles")
    assert finding.status == "wrong"
    assert "line 1" in finding.said
    assert path.read_bytes() == before


def test_a_profile_that_is_not_there(commons: gen3nb.Commons, home: Path) -> None:
    key = json.loads(commons.sandbox.credentials("reader").read_text())
    write_profile(home, commons.endpoint, key)
    assert "'mine'" in one(examine(profile="mien"), "key").said


def test_a_key_of_another_commons(commons: gen3nb.Commons) -> None:
    found = examine("http://127.0.0.1:9", credentials=commons.sandbox.credentials("reader"))
    assert "was issued by" in one(found, "key").said
    assert not found.ok


def test_a_name_that_is_none() -> None:
    found = examine("https://commons.invalid")
    assert "commons.invalid" in one(found, "name").said
    assert one(found, "commons").status == "skipped"


def test_a_port_that_is_closed() -> None:
    finding = one(examine(f"https://127.0.0.1:{closed_port()}", timeout=5), "connection")
    assert finding.status == "wrong"
    assert "takes no connection" in finding.said


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ("http://ada:pa55word@127.0.0.1:{port}", "takes no connection"),
        ("nonsense://x", "no address of a proxy"),
    ],
)
def test_a_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch, proxy: str, said: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.format(port=closed_port()))
    found = examine("https://commons.invalid")
    finding = one(found, "proxy")
    assert finding.status == "wrong"
    assert said in finding.said
    assert "HTTPS_PROXY" in finding.remedy
    assert "pa55word" not in json.dumps(found.to_json())


class Answering(http.server.BaseHTTPRequestHandler):
    """Enough of a commons to see who signed its certificate."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"keys": []}')

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def private_ca(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Serve HTTPS with a certificate that nobody vouches for; give address and certificate."""
    certificate = self_signed(tmp_path, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *arguments: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"https://localhost:{server.server_address[1]}", certificate
    server.shutdown()
    server.server_close()


def self_signed(folder: Path, name: str) -> Path:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / f"{name}.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path


def test_a_certificate_that_nobody_vouches_for(
    private_ca: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, certificate = private_ca
    finding = one(examine(address), "TLS")
    assert finding.status == "wrong"
    assert "self" in finding.said
    assert "REQUESTS_CA_BUNDLE" in finding.remedy
    for found in (examine(address, verify=certificate), None):
        if found is None:
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
            found = examine(address)
        assert one(found, "TLS").status == "ok"
        assert [one.status for one in found.findings if one.check == "commons"] == ["ok"]


def test_a_certificate_of_another_name(private_ca: tuple[str, Path]) -> None:
    address, certificate = private_ca
    finding = one(examine(address.replace("localhost", "127.0.0.1"), verify=certificate), "TLS")
    assert "another name" in finding.remedy


def test_a_ca_file_that_is_none(
    private_ca: tuple[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "empty.pem").write_text("")
    for path in (tmp_path / "none.pem", tmp_path / "empty.pem"):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
        finding = one(examine(private_ca[0]), "certificates")
        assert finding.status == "wrong"
        assert "REQUESTS_CA_BUNDLE" in finding.said


def test_plain_http_where_https_is_meant(commons: gen3nb.Commons) -> None:
    found = examine(commons.endpoint.replace("http://", "https://"))
    assert "does not speak HTTPS" in one(found, "TLS").said


def test_a_token_that_is_not_taken_and_services_that_are_not_there(commons: gen3nb.Commons) -> None:
    key = commons.sandbox.credentials("reader")
    with commons.sandbox.faults as faults:
        faults.add("401-html", path="/user/user")
        assert "does not take it" in one(examine(commons.endpoint, credentials=key), "token").said
    with commons.sandbox.faults as faults:
        faults.add("html", path="/api/v0/submission/_dictionary")
        found = examine(commons.endpoint, credentials=key)
        assert not found.ok
        assert any("sheepdog" in one.said and one.status == "wrong" for one in found.findings)


def test_a_user_without_permissions(commons: gen3nb.Commons, project: str) -> None:
    found = examine(commons.endpoint, credentials=commons.sandbox.credentials("nobody"))
    assert one(found, "permissions").status == "warning"
    assert found.ok


def test_widgets_of_two_families(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As pip install --user leaves it, where an older manager lies over the image's."""
    manager = tmp_path / packages.MANAGER
    manager.parent.mkdir(parents=True)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    for version, status in (("3.1.11", "wrong"), ("5.0.13", "ok")):
        manager.write_text(json.dumps({"version": version}))
        finding = one(examine(), "widgets")
        assert finding.status == status
        assert version in finding.said


def test_a_package_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    real = packages._version
    monkeypatch.setattr(packages, "_version", lambda name: "1.5.3" if name == "pandas" else real(name))
    finding = one(examine(), "packages")
    assert finding.status == "wrong"
    assert "pandas is 1.5.3" in finding.said


def test_no_secret_shows(commons: gen3nb.Commons, home: Path) -> None:
    key = json.loads(commons.sandbox.credentials("reader").read_text())
    write_profile(home, commons.endpoint, key)
    shown = json.dumps(examine(profile="mine").to_json())
    assert key["api_key"] not in shown
    assert "eyJ" not in shown
    assert Finding("x", "wrong", f"they said {key['api_key']}", "").said == "they said [hidden]"


def test_the_command(commons: gen3nb.Commons, project: str) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gen3nb.cli", "doctor", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), timeout=120)

    key = str(commons.sandbox.credentials("reader"))
    good = run("--apiendpoint", commons.endpoint, "--cred", key)
    assert good.returncode == 0, good.stdout + good.stderr
    assert good.stdout.endswith("Nothing is wrong.\n")
    assert "✓ token: signed in as reader" in good.stdout
    bad = run("--json")
    assert bad.returncode == 1
    told = json.loads(bad.stdout)
    assert told["ok"] is False
    assert told["endpoint"] is None
    assert set(told["findings"][0]) == {"check", "status", "said", "remedy"}
    assert bad.stderr == ""


def test_a_workspace_tells_its_commons_or_what_to_set(commons, project, monkeypatch) -> None:
    monkeypatch.setenv("GEN3NB_WORKSPACE_URL", commons.sandbox.workspace("submitter"))
    try:
        found = examine()
        assert found.ok, found.findings
        assert found.endpoint == commons.endpoint
        assert "workspace" in one(found, "key").said
    finally:
        commons.sandbox.workspace(None)
    monkeypatch.setenv("GEN3NB_WORKSPACE_URL", f"http://127.0.0.1:{closed_port()}/wts")
    found = examine()
    assert "looks like a Gen3 workspace" in one(found, "workspace").said
    assert "GEN3NB_WORKSPACE_URL" in one(found, "workspace").remedy
    assert "--apiendpoint" in one(found, "commons").said
    assert not found.ok
