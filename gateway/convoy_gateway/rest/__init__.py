"""What is not gRPC by another name: REST, health, metrics, pages."""

from convoy_gateway.rest.application import application

__all__ = ["application"]
