"""Connect, Connect-JSON and gRPC-Web: every method of the contract, as it is."""

from convoy_gateway.connect.application import Connect

__all__ = ["Connect"]
