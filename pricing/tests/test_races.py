"""A limit that is set while orders are on their way."""

from threading import Event, Thread

import pytest
from django.db import connection, transaction
from django.utils import timezone

from pricing.models import Promotion
from pricing.operations import Applied, claim, count_anew

from .factories import stored_promotion

pytestmark = pytest.mark.django_db(transaction=True)


def order_on_its_way(promotion: Promotion, claimed: Event, go_on: Event) -> Thread:
    """Has used the promotion and does not commit before `go_on`, or before a second has passed."""

    def order() -> None:
        try:
            with transaction.atomic():
                claim([Applied(promotion, None, 1, (1,))], reference="order:1", customer="ada", now=timezone.now())
                claimed.set()
                go_on.wait(1)
        finally:
            connection.close()

    thread = Thread(target=order)
    thread.start()
    assert claimed.wait(10)
    return thread


def test_it_waits_for_them_and_counts_them() -> None:
    promotion, claimed, go_on = stored_promotion(), Event(), Event()
    thread = order_on_its_way(promotion, claimed, go_on)
    assert promotion.uses.count() == 0
    with transaction.atomic():
        assert count_anew(promotion) == 1
    thread.join()


def test_orders_without_a_limit_do_not_wait_for_each_other() -> None:
    promotion, claimed, go_on = stored_promotion(), Event(), Event()
    thread = order_on_its_way(promotion, claimed, go_on)
    claim([Applied(promotion, None, 1, (1,))], reference="order:2", customer="ben", now=timezone.now())
    assert thread.is_alive()
    assert promotion.uses.count() == 1
    go_on.set()
    thread.join()
    assert promotion.uses.count() == 2
