"""Apart from the other conditional requests, whose world lasts for all of their file."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from .test_conditional import product
from .world import World


@pytest.mark.django_db(transaction=True)
def test_of_two_editors_at_once_one_is_refused(own_world: World) -> None:
    world = own_world
    read = world.nobody.get(product(world))["ETag"]

    def write(price: int) -> Any:
        try:
            return world.staff.put(product(world), {"price": price}, if_match=read).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(write, [101, 102, 103, 104]))
    assert statuses == [200, 412, 412, 412]
