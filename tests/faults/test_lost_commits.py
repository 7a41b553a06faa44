"""F7: the connection breaks at the COMMIT. The client asks again with its key; nothing is done twice."""

import pytest

from tests.faults import commits
from tests.faults.behind_proxies import FaultyShop

TRIALS = 30

pytestmark = [pytest.mark.slow]


def test_orders_and_payments_of_which_nobody_knows(shop: FaultyShop) -> None:
    trials = commits.lose_orders(shop, TRIALS)
    # Told as what it is: try again, it may have happened.
    assert {trial.buyer.refusals[0] for trial in trials} == {503}
    commits.lose_payments(shop, trials)
    assert commits.problems(shop, trials) == []
