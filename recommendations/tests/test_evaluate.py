from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.tests.factories import UserFactory
from recommendations.models import Generation, Neighbour

from .factories import make_products, order_of

pytestmark = pytest.mark.usefixtures("sound")


def test_neighbours_find_what_popularity_does_not() -> None:
    """Two tastes and ten favourites of everybody else, in the ten places of which neither taste has one."""
    now = timezone.now()
    cup, pot, bow, kite = make_products(4)
    for hit in make_products(10):
        for _ in range(4):
            order_of(hit, at=now - timedelta(days=20))
    for first, second in ((cup, pot), (bow, kite)):
        for _ in range(2):
            person = UserFactory.create()
            order_of(first, user=person, at=now - timedelta(days=30))
            order_of(second, user=person, at=now - timedelta(days=29))
        newcomer = UserFactory.create()
        order_of(first, user=newcomer, at=now - timedelta(days=28))
        order_of(second, user=newcomer, at=now - timedelta(days=1))
    out = StringIO()
    call_command("evaluate_recommendations", "--days=10", stdout=out)
    lines = out.getvalue().splitlines()
    assert "2 shoppers" in lines[0]
    assert [line.split()[-2:] for line in lines[2:]] == [["1.000", "1.000"], ["1.000", "1.000"], ["0.000", "0.000"]]
    assert not Neighbour.objects.exists()
    assert not Generation.objects.exists()


def test_without_orders_it_says_so() -> None:
    with pytest.raises(CommandError, match="no orders"):
        call_command("evaluate_recommendations")


def test_generating_says_what_it_found() -> None:
    out = StringIO()
    call_command("generate_recommendations", stdout=out)
    assert out.getvalue().startswith("0 pairs of 0 products from 0 baskets")
