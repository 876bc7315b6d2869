"""Fixtures of the flows: one running service, in which each test has people of its own."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.flows.service import Service, Visit


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("service"))
    asyncio.run(service.build())
    service.start()
    yield service
    service.close()


@pytest.fixture
async def visit(service: Service) -> AsyncIterator[Visit]:
    visit = Visit(service)
    yield visit
    await visit.close()
    assert "Traceback" not in visit.log
    assert " failed: " not in visit.log
