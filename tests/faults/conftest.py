import os
from collections.abc import Iterator

import pytest

from tests.faults.behind_proxies import FaultyShop, faulty_shop


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyShop]:
    """An empty shop with one article, its servers behind proxies."""
    if "DATABASE_URL" not in os.environ:
        pytest.skip("needs the servers of bin/test")
    with faulty_shop(tmp_path_factory.mktemp("faults")) as shop:
        yield shop
