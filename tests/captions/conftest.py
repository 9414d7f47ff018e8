"""Fixtures of this room's tests."""

from tests.captions.stub_server import no_proxy, serve

__all__ = ["no_proxy", "serve"]
