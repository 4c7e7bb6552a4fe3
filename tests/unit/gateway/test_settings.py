"""Settings: by flags and by environment, refused by name, and told on one page."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from convoy_gateway.settings import PREFIX, Settings, injected
from convoy_gateway.settings_page import page

PAGE = Path(__file__).parents[3] / "docs" / "gateway-settings.md"


def test_every_setting_has_a_default() -> None:
    assert Settings().target == "127.0.0.1:9000"


def test_the_environment_is_read_and_flags_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}MAX_BODY", "2MiB")
    monkeypatch.setenv(f"{PREFIX}PORT", "1234")
    settings = Settings(_cli_parse_args=["--port", "4321"])  # type: ignore[call-arg]
    assert (settings.max_body, settings.port) == (2 << 20, 4321)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("target", "nowhere"),
        ("target", "host:0"),
        ("target", "host:99999"),
        ("target", "http://127.0.0.1:9000"),
        ("max_timeout", "inf"),
        ("max_body", "200MiB"),
        ("port", "-1"),
        ("port", "http"),
        ("channels", "0"),
        ("timeout", "0"),
        ("timeout", "nan"),
        ("max_body", "many"),
        ("max_json_depth", "201"),
        ("max_timeout", "29"),
        ("cors_origins", "example.com"),
        ("cors_origins", "https://example.com, https://example.com/page"),
        ("log_level", "loud"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PREFIX + name.upper(), value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert [error["loc"][0] for error in caught.value.errors()] == [name]


def test_what_kubernetes_sets_for_a_service_is_no_setting() -> None:
    """A Service named convoy-gateway once kept every gateway of its namespace from starting."""
    environment = {
        "CONVOY_GATEWAY_PORT": "tcp://10.0.0.1:8080",
        "CONVOY_GATEWAY_SERVICE_HOST": "10.0.0.1",
        "CONVOY_GATEWAY_SERVICE_PORT_HTTP": "8080",
        "CONVOY_GATEWAY_PORT_8080_TCP_ADDR": "10.0.0.1",
        "CONVOY_GATEWAY_DRAIN": "5",
    }
    assert sorted(set(environment) - set(injected(environment))) == ["CONVOY_GATEWAY_DRAIN"]


@pytest.mark.parametrize(
    ("host", "hosts", "own"),
    [
        ("127.0.0.1", "", {"localhost", "127.0.0.1", "::1"}),
        ("0.0.0.0", "", {"*"}),
        ("127.0.0.1", "a.example, b.example", {"a.example", "b.example"}),
    ],
)
def test_on_loopback_it_is_known_by_this_machines_names_alone(
    host: str, hosts: str, own: set[str]
) -> None:
    assert Settings(host=host, hosts=hosts).own_hosts() == own


@pytest.mark.parametrize(
    ("arguments", "environment", "named"),
    [
        (["--port", "no"], {}, "--port (CONVOY_GATEWAY_PORT)"),
        ([], {"CONVOY_GATEWAY_DRAIN": "-1"}, "--drain (CONVOY_GATEWAY_DRAIN)"),
        ([], {"CONVOY_GATEWAY_CORS_ORIGINS": "nobody"}, "CORS_ORIGINS"),
        ([], {"CONVOY_GATEWAY_PROT": "80"}, "CONVOY_GATEWAY_PROT: there is no such setting"),
        (["--no-such-thing", "1"], {}, "--no-such-thing"),
    ],
)
def test_a_gateway_that_is_told_wrong_does_not_start(
    arguments: list[str], environment: dict[str, str], named: str
) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "convoy_gateway", *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 2
    assert named in result.stderr
    assert "Traceback" not in result.stderr


def test_the_page_of_settings_is_true() -> None:
    assert PAGE.read_text() == page(), "write it anew: python -m convoy_gateway.settings_page"
