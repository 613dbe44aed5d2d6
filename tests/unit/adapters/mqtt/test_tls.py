from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from synthlab.adapters.mqtt import TlsFiles, tls_contexts
from synthlab.errors import CredentialsError
from tests.brokers import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def test_the_scenario_comes_before_the_environment() -> None:
    environment = {
        "SYNTHLAB_MQTT_CERT_PATH": "/e/c",
        "SYNTHLAB_MQTT_KEY_PATH": "/e/k",
        "SYNTHLAB_MQTT_CA_PATH": "/e/a",
    }
    assert TlsFiles.find(environment=environment) == TlsFiles(Path("/e/c"), Path("/e/k"), Path("/e/a"))
    found = TlsFiles.find(cert_path="/s/c", environment=environment)
    assert found == TlsFiles(Path("/s/c"), Path("/e/k"), Path("/e/a"))
    assert TlsFiles.find(environment={}) == TlsFiles()


def test_a_context_checks_the_broker_and_is_shared(authority: Authority) -> None:
    cert, key = authority.issue("D1")
    contexts = tls_contexts(TlsFiles(cert, key, authority.path), ["D1", "D2"], need_cert=True)
    context = contexts["D1"]
    assert context is contexts["D2"]
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_each_device_may_have_files_of_its_own(authority: Authority) -> None:
    for name in ("D1", "D2"):
        authority.issue(name)
    files = TlsFiles(authority.path.parent / "{device_id}.crt", authority.path.parent / "{device_id}.key")
    contexts = tls_contexts(files, ["D1", "D2"], need_cert=True)
    assert contexts["D1"] is not contexts["D2"]
    with pytest.raises(CredentialsError) as caught:
        tls_contexts(files, ["D1", "NONE-1", "NONE-2"], need_cert=True)
    shown = [(problem.path, Path(problem.value.strip("'")).name) for problem in caught.value.problems]
    assert shown == [
        ("mqtt.cert_path", "NONE-1.crt"),
        ("mqtt.key_path", "NONE-1.key"),
        ("mqtt.cert_path", "NONE-2.crt"),
        ("mqtt.key_path", "NONE-2.key"),
    ]


def test_missing_files_say_so_all_at_once(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError) as caught:
        tls_contexts(TlsFiles(ca_path=tmp_path / "ca"), ["D1", "D2"], need_cert=True)
    assert (caught.value.code, caught.value.exit_code) == ("MQTT_CREDENTIALS_MISSING", 4)
    assert [problem.path for problem in caught.value.problems] == [
        "mqtt.cert_path",
        "mqtt.key_path",
        "SYNTHLAB_MQTT_CA_PATH",
    ]
    assert "MQTT cert/key not found" in str(caught.value)
    assert tls_contexts(TlsFiles(), ["D1"], need_cert=False).keys() == {"D1"}


def test_half_a_pair_is_missing_even_where_none_is_needed(authority: Authority) -> None:
    cert, _ = authority.issue("D1")
    with pytest.raises(CredentialsError) as caught:
        tls_contexts(TlsFiles(cert_path=cert), ["D1"], need_cert=False)
    assert [problem.path for problem in caught.value.problems] == ["mqtt.key_path"]


def test_a_key_of_another_certificate_is_not_usable(authority: Authority) -> None:
    cert, _ = authority.issue("D1")
    _, key = authority.issue("D2")
    with pytest.raises(CredentialsError, match="MQTT cert/key not usable"):
        tls_contexts(TlsFiles(cert, key), ["D1"], need_cert=True)


def test_an_encrypted_key_does_not_ask_on_the_terminal(authority: Authority, tmp_path: Path) -> None:
    cert, key = authority.issue("D1")
    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        loaded.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"x"),
        )
    )
    with pytest.raises(CredentialsError, match="the key is encrypted"):
        tls_contexts(TlsFiles(cert, locked), ["D1"], need_cert=True)


@pytest.mark.parametrize("content", [b"", b"no certificate", b"\x00" * 100])
def test_rubbish_is_not_usable(authority: Authority, tmp_path: Path, content: bytes) -> None:
    _, key = authority.issue("D1")
    cert = tmp_path / "c.pem"
    cert.write_bytes(content)
    with pytest.raises(CredentialsError) as caught:
        tls_contexts(TlsFiles(cert, key), ["D1"], need_cert=True)
    assert caught.value.code == "MQTT_CREDENTIALS_MISSING"
