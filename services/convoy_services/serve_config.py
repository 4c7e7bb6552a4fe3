"""A mesh as a Serve config: what ``serve deploy``, Serve's REST and KubeRay take.

Schema: https://docs.ray.io/en/latest/serve/production-guide/config.html
"""

from typing import Any

import yaml

from convoy_services.local.settings import serving

APP = "convoy"
SERVICERS = "convoy_services.rpc.native.add_services_to_server"
HTTP_BELOW = 1000
"""How far below the gRPC port Serve's HTTP port is: 8000 for 9000, as Serve has them itself."""

RUNNING, DEPLOY_FAILED = "RUNNING", "DEPLOY_FAILED"
"""Serve's words for an application that is done with starting."""

HEALTHY, AT_FAULT = "HEALTHY", ("DEPLOY_FAILED", "UNHEALTHY")
"""Its words for a deployment."""


def serve_config(config: str, *, port: int, plain: bool) -> dict[str, Any]:
    """Give the Serve config of the mesh that ``config``, the text of a mesh.yaml, describes.

    Serve takes its own settings from it only where it does not run yet.
    """
    return {
        "proxy_location": "EveryNode",
        "http_options": {"host": "0.0.0.0", "port": port - HTTP_BELOW},
        "grpc_options": {"port": port, "grpc_servicer_functions": [SERVICERS]},
        "controller_options": {"runtime_env": {"env_vars": serving(plain=plain)}},
        "applications": [
            {
                "name": APP,
                "route_prefix": "/",
                "import_path": "convoy_services.app:build",
                "args": {"config": config},
            }
        ],
    }


def as_yaml(config: dict[str, Any]) -> str:
    """Write a Serve config as YAML, the mesh.yaml in it as the text that it was."""
    return yaml.dump(config, Dumper=_Dumper, sort_keys=False)


class _Dumper(yaml.SafeDumper):
    pass


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
