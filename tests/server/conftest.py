from collections.abc import Iterator

import httpx
import pytest
from serving import Served, serving

from sessionqa import Settings


@pytest.fixture(scope="session")
def served(shipped: Settings) -> Iterator[Served]:
    """The API over the shipped corpus, for this machine alone."""
    with serving(shipped) as server:
        yield server


@pytest.fixture
def api(served: Served) -> Iterator[httpx.Client]:
    with served.client() as client:
        yield client
