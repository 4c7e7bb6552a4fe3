"""The pipeline that gives back what it is given, over three services: the mesh's own overhead."""

from convoy_services.echo.stages import Receive, Reflect, Return

__all__ = ["Receive", "Reflect", "Return"]
