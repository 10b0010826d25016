"""One factory in front of one scripted engine for all tests of a worker."""

from tests.gateway.conftest import mill

__all__ = ["mill"]
