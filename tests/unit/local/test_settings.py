"""The environment of a mesh."""

from pathlib import Path

import pytest

from convoy_services.local.ports import Ports
from convoy_services.local.settings import Settings, environment, serving


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        name="test",
        state=tmp_path,
        run=Path("/tmp/convoy-12345678"),
        home=tmp_path / "home",
        ports=Ports(grpc=9000, block=20_000, metrics=20_007),
        host="127.0.0.1",
        plain=False,
        attached=True,
        started=0.0,
    )


def test_settings_are_read_as_they_were_written(settings: Settings) -> None:
    settings.write()
    assert Settings.read(settings.state) == settings


def test_every_port_and_folder_of_serve_is_the_meshs_own(settings: Settings) -> None:
    given = environment(settings)
    for name, value in given.items():
        if name.startswith("RAY_SERVE_") and name.endswith("_PORT"):
            assert 20_000 < int(value) < 20_100, name
    paths = [value for value in given.values() if value.startswith("/tmp/convoy-")]
    assert all(path.startswith(str(settings.run)) for path in paths)


def test_the_sockets_of_haproxy_are_short_enough(settings: Settings) -> None:
    """HAProxy refuses a path of more than 97 letters, and Serve adds a hash of 56."""
    for socket in ("RAY_SERVE_HAPROXY_SOCKET_PATH", "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH"):
        path = Path(environment(settings)[socket])
        assert len(str(path.parent / ("0" * 56) / path.name)) <= 97


def test_what_the_caller_sets_wins_over_a_default_but_not_over_the_meshs_own(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S", "7")
    monkeypatch.setenv("RAY_SERVE_HAPROXY_STATS_PORT", "8404")
    monkeypatch.setenv("RAY_ADDRESS", "elsewhere:6379")
    monkeypatch.setenv("PYTHONPATH", "relative")
    given = environment(settings)
    assert given["RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S"] == "7"
    assert given["RAY_SERVE_HAPROXY_STATS_PORT"] != "8404"
    assert "RAY_ADDRESS" not in given
    assert given["PYTHONPATH"] == f"{settings.home}:{Path.cwd() / 'relative'}"


def test_the_loop_of_the_server_runs_user_code_in_either_mode() -> None:
    for plain in (True, False):
        assert serving(plain=plain)["RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD"] == "0"
    assert "RAY_SERVE_ENABLE_HA_PROXY" not in serving(plain=True)
