"""What one mesh on this machine is made of, and the environment that Ray and Serve take from it."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from convoy_services.local.ports import Ports
from convoy_services.telemetry.place import FOLDER, HOST, PORT

MARK = "CONVOY_MESH"
"""Set in every process of a mesh: the folder of its sockets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One mesh: where it lives, what it listens on, how Serve runs."""

    name: str
    state: Path
    """Its folder among the user's meshes: configuration, events and log."""
    run: Path
    """Its folder below /tmp, readable by this user alone: Ray's and HAProxy's files, sockets."""
    home: Path
    """The folder of mesh.yaml: stages beside it can be imported, relative paths begin there."""
    ports: Ports
    host: str
    """The interface where callers find it, and Prometheus its metrics."""
    plain: bool
    """Without HAProxy and throughput mode: Serve's default proxy forwards each call."""
    attached: bool
    """Whether it ends with the process that started it."""
    started: float
    """When it was asked for, in seconds since the epoch."""

    @property
    def config(self) -> Path:
        """The text of the mesh.yaml that runs."""
        return self.state / "mesh.yaml"

    @property
    def next(self) -> Path:
        """The text of the mesh.yaml that an update rolls out."""
        return self.state / "mesh.next.yaml"

    @property
    def events(self) -> Path:
        """How its start went on, one event a line."""
        return self.state / "events.jsonl"

    @property
    def log(self) -> Path:
        """What its supervisor wrote."""
        return self.state / "supervisor.log"

    @property
    def gateway_log(self) -> Path:
        """What its gateway wrote."""
        return self.state / "gateway.log"

    @property
    def ray(self) -> Path:
        """Ray's own folder, logs of every process included."""
        return self.run / "ray"

    @property
    def haproxy(self) -> Path:
        """HAProxy's configuration and sockets; Serve adds 57 letters to a path that may have 97."""
        return self.run / "h"

    @property
    def balancer(self) -> Path:
        """The program that Serve takes for HAProxy."""
        return self.run / "haproxy"

    @property
    def answer(self) -> Path:
        """What HAProxy answers where no ingress does."""
        return self.run / "unavailable.http"

    @property
    def control(self) -> Path:
        """The socket on which the supervisor tells the state of the mesh."""
        return self.run / "control.sock"

    @property
    def token(self) -> Path:
        """The secret without which Ray talks to nobody."""
        return self.run / "token"

    def write(self) -> None:
        """Put the settings where ``read`` finds them."""
        (self.state / "settings.json").write_text(json.dumps(asdict(self), default=str))

    @classmethod
    def read(cls, state: Path) -> Self:
        """Read the settings of the mesh in this folder; raises OSError when there is none."""
        fields = json.loads((state / "settings.json").read_text())
        paths = {key: Path(fields[key]) for key in ("state", "run", "home")}
        return cls(**{**fields, **paths, "ports": Ports(**fields["ports"])})


def serving(*, plain: bool) -> dict[str, str]:
    """Give what Serve must be told wherever the mesh runs.

    The ingress answers native gRPC calls on the event loop of Serve's server, so user code must
    run there. Messages between replicas are bounded by the pipelines, not by gRPC's 4 MiB; those of
    callers before they are read, whatever a pipeline takes. A proxy that has died is noticed in a
    second, not in half a minute; one that is slow, or starts beside a dozen replicas, is not killed
    for it. A replica whose stage hangs is killed: it would not leave otherwise. HAProxy sends
    nothing more to an ingress that has refused a connection until its health check passes. It lets
    a thousand calls share a connection, with windows that hold a batch; its own bounds would queue
    them unseen. Metadata of 64 KiB fits its buffer: what does not costs the
    connection and every call on it; what does, gRPC's server refuses for its call alone. Logs
    are written as they come: there is no line a request.
    """
    common = {
        "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0",
        "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH": str(2**31 - 1),
        "RAY_SERVE_GRPC_MAX_MESSAGE_SIZE": str(128 << 20),
        "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "0.25",
        "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "5",
        "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
        "RAY_SERVE_FORCE_STOP_UNHEALTHY_REPLICAS": "1",
        "RAY_SERVE_REQUEST_PATH_LOG_BUFFER_SIZE": "1",
    }
    if plain:
        return common
    return common | {
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_HAPROXY_OBSERVE_ERROR_LIMIT": "1",
        "RAY_SERVE_HAPROXY_TUNE_BUFSIZE": str(128 << 10),
        "RAY_SERVE_HAPROXY_H2_FE_MAX_CONCURRENT_STREAMS": "1000",
        "RAY_SERVE_HAPROXY_H2_BE_MAX_CONCURRENT_STREAMS": "1000",
        "RAY_SERVE_HAPROXY_H2_FE_INITIAL_WINDOW_SIZE": str(1 << 20),
        "RAY_SERVE_HAPROXY_H2_BE_INITIAL_WINDOW_SIZE": str(1 << 20),
    }


def environment(settings: Settings) -> dict[str, str]:
    """Give the whole environment of a mesh's processes.

    Ray keeps to the loopback address (the variable named for other systems is what says so) and
    asks for a token. What else is set here gives way to what the caller's environment says: Ray's
    workers run at the priority of their caller, not below it; what leaves drains for 2 s; a stage
    that fails to load is not loaded a second and third time.
    """
    inherited = {key: value for key, value in os.environ.items() if key != "RAY_ADDRESS"}
    defaults = serving(plain=settings.plain) | {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_niceness": "0",
        "RAY_SERVE_MAX_PER_REPLICA_RETRY_COUNT": "1",
        "RAY_SERVE_PROXY_MIN_DRAINING_PERIOD_S": "2",
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "2",
    }
    paths = [settings.home, *map(Path, filter(None, os.environ.get("PYTHONPATH", "").split(":")))]
    ports = settings.ports
    own = {
        MARK: str(settings.run),
        FOLDER: str(settings.run / "metrics"),
        HOST: settings.host,
        PORT: str(ports.metrics),
        "PYTHONPATH": ":".join(str(path.absolute()) for path in paths),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(settings.token),
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(ports.replica_http[0]),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(ports.replica_http[-1]),
        "RAY_SERVE_DIRECT_INGRESS_MIN_GRPC_PORT": str(ports.replica_grpc[0]),
        "RAY_SERVE_DIRECT_INGRESS_MAX_GRPC_PORT": str(ports.replica_grpc[-1]),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(ports.fallback_http),
        "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT": str(ports.fallback_grpc),
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(settings.balancer),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(ports.haproxy_stats),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(ports.haproxy_metrics),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(settings.haproxy / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(settings.haproxy / "admin.sock"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(settings.haproxy / "metrics.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(settings.haproxy),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(settings.haproxy / "state"),
    }
    return defaults | inherited | own
