"""The Serve application that a configuration makes."""

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from ray.serve import Application
from ray.serve.deployment import Deployment

from convoy_services.app import build


def deployments(app: Application) -> Iterator[Deployment]:
    bound: Any = app._bound_deployment
    yield bound
    for value in (*bound.init_args, *bound.init_kwargs.values()):
        nested = value.values() if isinstance(value, dict) else [value]
        for other in nested:
            if isinstance(other, Application):
                yield from deployments(other)


def test_every_deployment_logs_json_without_a_line_for_each_call() -> None:
    """Serve takes the encoding from each deployment: set in the environment it was text."""
    config = files("convoy_services").joinpath("mesh.yaml").read_text()
    made = {
        d.name: d._deployment_config.logging_config for d in deployments(build({"config": config}))
    }
    assert made.keys() >= {"ingress", "tokenize", "encode", "receive"}
    assert {logging["encoding"] for logging in made.values()} == {"JSON"}
    assert not any(logging["enable_access_log"] for logging in made.values())
