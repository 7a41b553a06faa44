"""500 buyers for 10 units the whole way to the paid order, against the server that `bin/run` starts, rate limits on."""

import os
from collections.abc import Iterator

import pytest

from tests.races.sale import Sale
from tests.stack import Stack, running

BUYERS, UNITS, UNPAID = 500, 10, 2

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="needs the servers of bin/test"),
]


@pytest.fixture(params=["cart", "checkout"], scope="module")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    env = {"SHOP_HOLD_STOCK_AT": request.param, "SHOP_TRUSTED_PROXIES": "1"}
    with running(tmp_path_factory.mktemp("race"), redis_database=9, **env) as stack:
        yield stack


def test_ten_units_are_paid_for_ten_times(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    policy = stack.env["SHOP_HOLD_STOCK_AT"]
    sale = Sale(stack, f"RARE-{policy.upper()}", UNITS, BUYERS, sockets=BUYERS, unpaid=UNPAID, seed=1)
    sale.prepare()
    seconds = sale.open()
    with capsys.disabled():
        told = {step: sale.statuses(step) for step in ("add", "order", "card")}
        print(f"\n{policy}: {sale.most_open} sockets open at once, {seconds:.1f} s, answers {told}")
    assert sale.most_open == BUYERS
    sale.wait_until_booked()
    assert len(sale.orders()) == UNITS
    sale.check(paid=UNITS - UNPAID)

    assert sale.end_unpaid() == UNPAID
    sale.come_back(50)
    sale.wait_until_booked()
    assert len(sale.orders()) == UNITS + UNPAID
    sale.check(paid=UNITS)
