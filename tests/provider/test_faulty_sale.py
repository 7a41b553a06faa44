"""Sixty checkouts while the provider fails a fifth of all calls and messages: each is charged once, none is lost."""

import os
from collections.abc import Iterator

import pytest

from tests.provider.faulty_sale import CALLS, WEBHOOKS, Sale, as_text
from tests.stack import Stack, running

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="needs the servers of bin/test"),
]


@pytest.fixture
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("provider"), redis_database=5, SHOP_TRUSTED_PROXIES="1") as stack:
        yield stack


def test_nobody_is_charged_twice_and_no_paid_order_is_lost(stack: Stack) -> None:
    sale = Sale(stack, checkouts=60, share=0.2, seed=3)
    sale.open()
    sale.wait_until_books_agree(patience=300)
    summary = sale.summary()
    assert sale.disagreements() == [], as_text(summary)
    assert stack.broken_invariants() == []
    # That the faults struck, and that the shop sold all the same.
    assert sum(sale.struck[kind] for kind in CALLS) >= 10, as_text(summary)
    assert sum(sale.struck[kind] for kind in WEBHOOKS) >= 10, as_text(summary)
    assert summary["payment_status"].get("paid", 0) >= 40, as_text(summary)
