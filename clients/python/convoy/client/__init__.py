"""The client of a mesh: async, and one thin bridge for callers that are not."""

from convoy.client.client import Client
from convoy.client.retry import Retry
from convoy.client.sync import SyncClient

__all__ = ["Client", "Retry", "SyncClient"]
