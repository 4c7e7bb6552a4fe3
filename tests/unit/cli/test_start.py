"""What the command brings in before it knows what to do."""

import subprocess
import sys


def test_help_needs_neither_ray_nor_a_model_nor_grpc() -> None:
    heavy = ("grpc", "numpy", "pydantic", "ray", "torch", "transformers")
    code = f"import sys, convoy_services.cli; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout == "[]\n"
