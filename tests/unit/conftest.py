"""Fixtures of the unit tests."""

import pytest
from model_server import Server


@pytest.fixture
def serve():
    """Starts a server that answers by a script, see :class:`model_server.Server`."""
    servers = []

    def start(*script):
        servers.append(Server(script))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
