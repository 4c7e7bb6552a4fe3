"""What the figures were measured on; nothing that names the machine."""

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

PACKAGES = ("ray", "grpcio", "protobuf", "numpy", "torch", "openvino", "transformers", "litserve")


def describe() -> dict[str, Any]:
    """Describe the processor, its instructions for encoders, memory and versions."""
    cpu = Path("/proc/cpuinfo").read_text()
    flags = set(_field(cpu, "flags").split())
    wanted = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_int8")
    return {
        "cpu": _field(cpu, "model name"),
        "cpus": os.cpu_count(),
        "instructions": [name for name in wanted if name in flags],
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def _field(cpuinfo: str, name: str) -> str:
    found = re.search(rf"^{name}\s*:\s*(.*)$", cpuinfo, re.MULTILINE)
    return found[1] if found else ""


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
