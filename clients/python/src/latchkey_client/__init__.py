"""Accounts and sessions of a Latchkey service: a client, and a verifier for your own backend."""

from latchkey_client.client import AsyncClient, Client, Tokens
from latchkey_client.errors import ApiError, Detail, LatchkeyError

__all__ = ["ApiError", "AsyncClient", "Client", "Detail", "LatchkeyError", "Tokens"]
