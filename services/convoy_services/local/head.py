"""A Ray head with what a mesh on one machine uses, and nothing else.

``ray.init`` would also start a dashboard, an autoscaler and a log monitor, and wait for the
first: 3.5 CPU seconds and 300 MB. Ray's own classes for its processes can do without;
tests/local/test_up.py tells when they change.
"""

import logging
import os
from math import ceil
from typing import Any

import ray
from ray._private.node import Node
from ray._private.parameter import RayParams

from convoy_services.local.settings import Settings

OBJECT_STORE = 512 << 20
"""Bytes: the store holds what crosses by reference, for as long as the hop takes."""


class Head(Node):
    """Ray's control store and raylet; they die with the thread that makes it."""

    def start_api_server(self, **_: Any) -> None:
        """Start no dashboard."""


def start_head(settings: Settings, cpus: float) -> Head:
    """Start Ray with ``cpus`` CPUs, or all of the machine's if these are more, and connect."""
    params = RayParams(
        num_cpus=max(ceil(cpus), os.cpu_count() or 1),
        object_store_memory=OBJECT_STORE,
        temp_dir=str(settings.ray),
        dashboard_agent_listen_port=0,
        min_worker_port=0,
        max_worker_port=0,
        include_log_monitor=False,  # type: ignore[arg-type]  # it is a bool, whatever Ray writes
        no_monitor=True,
    )
    head = Head(params, head=True, shutdown_at_exit=False, spawn_reaper=True)
    ray.init(address=head.gcs_address, log_to_driver=False, logging_level=logging.WARNING)
    return head
