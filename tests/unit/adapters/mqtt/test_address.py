from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthlab.adapters.mqtt import BrokerAddress, broker_password
from synthlab.errors import CredentialsError, UsageError

SECRET = "s3cr3t-canary"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mqtt://broker.example", BrokerAddress("broker.example", 1883)),
        ("mqtts://broker.example", BrokerAddress("broker.example", 8883, is_tls=True)),
        ("mqtt://ana@broker:1884/", BrokerAddress("broker", 1884, username="ana")),
        ("mqtts://a%40b@[::1]:9", BrokerAddress("::1", 9, is_tls=True, username="a@b")),
    ],
)
def test_url_is_read(url: str, expected: BrokerAddress) -> None:
    assert BrokerAddress.parse(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "broker:1883",
        "http://broker",
        "mqtt://",
        "mqtt://:1883",
        "mqtt://broker:0x5",
        "mqtt://broker:70000",
        "mqtt://broker/path",
        "mqtt://broker?tls=no",
        "mqtt://bro ker",
        "mqtt://[::1",
    ],
)
def test_what_is_no_broker_url_is_named(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        BrokerAddress.parse(url)
    assert (caught.value.code, caught.value.exit_code) == ("BAD_ARGUMENT", 2)
    assert str(caught.value).startswith("broker: ")


@pytest.mark.parametrize("rest", ["", "/path", ":99999", "?x"])
def test_a_password_in_an_argument_is_refused_and_not_shown(rest: str) -> None:
    with pytest.raises(UsageError) as caught:
        BrokerAddress.parse(f"mqtt://ana:{SECRET}@broker{rest}")
    assert SECRET not in str(caught.value) + repr(caught.value.to_records())


def test_a_password_from_the_environment_is_used_and_not_shown() -> None:
    address = BrokerAddress.parse(f"mqtt://ana:{SECRET}@broker", allow_password=True)
    assert address.password == SECRET
    assert SECRET not in f"{address!r} {address} {address.display_url}"
    assert address.display_url == "mqtt://ana@broker:1883"


hosts = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,20}[a-z0-9]", fullmatch=True) | st.just("fe80::1")


@given(hosts, st.integers(1, 65_535), st.booleans(), st.none() | st.text("a:@/%é ", min_size=1, max_size=6))
def test_what_is_shown_reads_back(host: str, port: int, is_tls: bool, username: str | None) -> None:
    address = BrokerAddress(host, port, is_tls=is_tls, username=username)
    assert BrokerAddress.parse(address.display_url) == address


def test_password_comes_from_the_environment_or_its_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(SECRET + "\n")
    assert broker_password({}) is None
    assert broker_password({"SYNTHLAB_BROKER_PASSWORD": SECRET}) == SECRET
    both = {"SYNTHLAB_BROKER_PASSWORD": "other", "SYNTHLAB_BROKER_PASSWORD_FILE": str(file)}
    assert broker_password(both) == SECRET
    with pytest.raises(CredentialsError) as caught:
        broker_password({"SYNTHLAB_BROKER_PASSWORD_FILE": str(tmp_path / "none")})
    assert caught.value.code == "MQTT_CREDENTIALS_MISSING"
