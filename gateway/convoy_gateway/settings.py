"""What a gateway may be told: by flags, and by environment variables of the same names."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    ByteSize,
    Field,
    PositiveInt,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "CONVOY_GATEWAY_"
INJECTED = re.compile(PREFIX + r"(SERVICE_(HOST|PORT)|PORT_\d+_)\w*")


NAME = re.compile(r"[\w.-]+|\[[0-9a-fA-F:.]+\]")


def _target(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not (NAME.fullmatch(host) and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError("take HOST:PORT, with no scheme before it")
    return value


Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]

ORIGIN = re.compile(r"\*|https?://[A-Za-z0-9.\[\]:_-]+")


def _origins(value: str) -> str:
    for origin in filter(None, value.split(",")):
        if not ORIGIN.fullmatch(origin.strip()):
            raise ValueError("take origins, as in https://app.example.com, with commas; or *")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonBounds:
    """What a JSON body may be, before it is parsed."""

    depth: int
    """How deep arrays and objects may nest."""
    values: int
    """How many values there may be in all."""
    string: int
    """Bytes of one string, as it is written."""


class Settings(BaseSettings):
    """Convoy's HTTP gateway. What is no flag may be an environment variable, CONVOY_GATEWAY_…"""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        cli_prog_name="convoy-gateway",
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_hide_none_type=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    target: Annotated[str, AfterValidator(_target)] = "127.0.0.1:9000"
    """The mesh's gRPC port, as HOST:PORT."""
    host: str = "127.0.0.1"
    """The interface to listen on; 0.0.0.0 for all."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """The port to listen on; 0 takes a free one, which the log tells."""
    hosts: str = ""
    """Names by which callers may address the gateway, with commas between them, or * for any; by
    default this machine's own where it listens on loopback, and else any."""
    channels: Annotated[int, Field(ge=1, le=64)] = 1
    """Connections to the mesh, each with one stream on which calls travel together: as many as the
    mesh has ingress replicas."""
    max_streams: Annotated[int, Field(ge=1, le=10_000)] = 1000
    """Answers that may stream at one time; one more gets RESOURCE_EXHAUSTED."""
    timeout: Seconds = 30.0
    """Seconds that a call has which names no deadline of its own."""
    max_timeout: Seconds = 600.0
    """Seconds that a call may ask for; one that asks for more gets these."""
    cors_origins: Annotated[str, AfterValidator(_origins)] = ""
    """Origins whose pages may call, with commas between them, or * for all; none by default."""
    max_body: Annotated[ByteSize, Field(gt=0, le=120 << 20)] = ByteSize(16 << 20)
    """Bytes of a request's body, before and after it is decompressed, as in 16MiB."""
    max_header: Annotated[ByteSize, Field(ge=256)] = ByteSize(16 << 10)
    """Bytes of a request's line and headers together."""
    max_json_depth: Annotated[int, Field(ge=1, le=200)] = 64
    """How deep the arrays and objects of a JSON body may nest."""
    max_json_values: Annotated[int, Field(ge=1)] = 1 << 18
    """How many values a JSON body may hold, by its commas and opening brackets."""
    max_json_string: Annotated[ByteSize, Field(gt=0)] = ByteSize(16 << 20)
    """Bytes of one string in a JSON body, as it is written there."""
    max_connections: Annotated[int, Field(ge=1)] = 4096
    """Connections that may be open; one more is answered with 503."""
    header_timeout: Seconds = 10.0
    """Seconds that a request's line and headers may take to arrive."""
    body_timeout: Seconds = 60.0
    """Seconds that a request's body may take to arrive."""
    write_timeout: Seconds = 60.0
    """Seconds that a client may leave an answer unread."""
    keep_alive: Seconds = 75.0
    """Seconds that a connection may be idle between two requests."""
    drain: PositiveInt = 30
    """Seconds that calls have to finish once the gateway is told to end."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What is logged, to standard error."""

    @field_validator("max_timeout")
    @classmethod
    def _no_less_than_the_default(cls, value: float, info: ValidationInfo) -> float:
        if value < info.data.get("timeout", 0.0):
            raise ValueError("take no less than --timeout")
        return value

    def json_bounds(self) -> JsonBounds:
        """Give what JSON is bounded by."""
        return JsonBounds(
            depth=self.max_json_depth, values=self.max_json_values, string=self.max_json_string
        )

    def own_hosts(self) -> frozenset[str]:
        """Give the names by which it may be addressed; ``*`` is any."""
        return _parts(self.hosts) or own_names(self.host)

    def origins(self) -> frozenset[str]:
        """Give the origins whose pages may call; ``*`` is any."""
        return _parts(self.cors_origins)


LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def own_names(interface: str) -> frozenset[str]:
    """Give the names by which a gateway is known that listens on ``interface``."""
    try:
        is_loopback = interface == "localhost" or ip_address(interface).is_loopback
    except ValueError:
        is_loopback = False
    return LOCAL if is_loopback else frozenset({"*"})


def _parts(text: str) -> frozenset[str]:
    return frozenset(part.strip() for part in text.split(",") if part.strip())


def unknown(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Give the variables that would be settings, were there such."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    return sorted(v for v in environment if v.startswith(PREFIX) and v not in known)


def injected(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Give the variables that Kubernetes sets for a Service named ``convoy-gateway``."""
    return [
        name
        for name, value in environment.items()
        if (name == f"{PREFIX}PORT" and "://" in value) or INJECTED.fullmatch(name)
    ]
