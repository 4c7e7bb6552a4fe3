"""The whole mesh on one page: configuration → Serve application."""

import os
from typing import Any

from ray import serve
from ray.serve import Application
from ray.serve.config import RequestRouterConfig

from convoy_services.config import parse
from convoy_services.ingress import Ingress
from convoy_services.mesh.graph import plan
from convoy_services.mesh.host import StageHost
from convoy_services.mesh.plan import MeshPlan
from convoy_services.mesh.serve_replicas import ToReplica
from convoy_services.mesh.stage import StageKind
from convoy_services.mesh.stream_host import StreamHost
from convoy_services.rpc.forward import INGRESS

COMMON: dict[str, Any] = {
    "max_ongoing_requests": 1000,  # more than slots ever send, for they are the limit
    "graceful_shutdown_wait_loop_s": 0.2,
    "health_check_period_s": 1.0,
    "health_check_timeout_s": 10.0,
    "logging_config": {
        "enable_access_log": False,  # a fifth of a hop
        "encoding": os.environ.get("CONVOY_LOG_ENCODING", "JSON"),
        "log_level": "WARNING",
    },
}
"""Options of every deployment."""

STREAMING: dict[str, Any] = {
    "graceful_shutdown_timeout_s": 60.0,  # for what is being generated when a replica is to leave
    "request_router_config": RequestRouterConfig(
        request_router_class=ToReplica  # type: ignore[arg-type]  # Ray types its keywords wrongly
    ),
}
"""Options of those whose stage streams."""


def build(args: dict[str, str]) -> Application:
    """Build the application from ``args["config"]``, the text of a mesh.yaml.

    This is what the import path in a Serve config names. Raises ConfigError.
    """
    source = parse(args["config"])
    return assemble(plan(source), ingress_cpus=source.mesh.ingress.cpus)


def assemble(mesh: MeshPlan, *, ingress_cpus: float) -> Application:
    """Bind one deployment for each that the plan has, and the ingress in front of them."""
    # Replicas start in this order, as many at once as there are cores: what loads longest leads.
    models_first = sorted(mesh.deployments, key=lambda name: not _has_model(mesh, name))
    hosts = {name: _host(mesh, name) for name in models_first}
    ingress = serve.deployment(
        name=INGRESS,
        num_replicas=mesh.ingress_replicas,
        **COMMON,
        ray_actor_options={"num_cpus": ingress_cpus},
    )(Ingress)
    return ingress.bind(mesh, hosts)


def _has_model(mesh: MeshPlan, name: str) -> bool:
    stages = mesh.deployments[name].stages
    return any(mesh.stages[stage].kind is StageKind.INFERENCE for stage in stages)


def _host(mesh: MeshPlan, name: str) -> Application:
    deployment = mesh.deployments[name]
    hops = [
        (pipeline.name, hop)
        for pipeline in mesh.pipelines.values()
        for hop in pipeline.hops
        if hop.link == name and len(hop.steps) > 1
    ]
    host = serve.deployment(
        name=name,
        num_replicas=deployment.replicas,
        **COMMON,
        **(STREAMING if deployment.streaming else {}),
        ray_actor_options={"num_cpus": deployment.cpus, "num_gpus": deployment.gpus},
    )(StreamHost if deployment.streaming else StageHost)
    return host.bind([mesh.stages[stage] for stage in deployment.stages], hops)
