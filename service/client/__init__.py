"""A client of a running service: its records as they are, tried again where that is safe (docs/client.md)."""

from service.client.client import Client

__all__ = ["Client"]
