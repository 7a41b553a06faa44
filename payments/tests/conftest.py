from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone

from orders.models import Order
from payments import operations
from payments.models import Payment
from shop.invariants import verify
from tests.provider import recorded

from .factories import place_order
from .sandbox import SECRET, Sandbox


@pytest.fixture(scope="session")
def running_sandbox(live_server: Any) -> Iterator[Sandbox]:
    """Whatever the tests of any app let the shop ask of it must be what the SDK's own types allow."""
    sandbox = Sandbox(f"{live_server.url}/webhooks/stripe")
    yield sandbox
    problems = {problem for call in recorded.read(sandbox.calls) for problem in call.problems()}
    sandbox.stop()
    assert problems == set()


@pytest.fixture(autouse=True)
def keys(settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = "sk_test_sandbox"
    settings.STRIPE_WEBHOOK_SECRET = SECRET


@pytest.fixture
def sandbox(running_sandbox: Sandbox, transactional_db: None, settings: Any) -> Iterator[Sandbox]:
    """Stripe as this shop knows it, its webhooks lost unless the test wants them. Afterwards the books must balance."""
    settings.STRIPE_API_BASE = running_sandbox.url
    running_sandbox.set_webhooks("drop")
    yield running_sandbox
    running_sandbox.wait_for_webhooks()
    # No relay runs here: on a busy machine a long test's events wait longer than E3 allows.
    assert {each.invariant.code: each.rows for each in verify() if each.rows and each.invariant.code != "E3"} == {}


@pytest.fixture
def order(sandbox: Sandbox) -> Order:
    return place_order()


@pytest.fixture
def payment(order: Order) -> Payment:
    """Begun: the buyer is on the way to the hosted page."""
    return operations.start(order, now=timezone.now())


@pytest.fixture
def paid(sandbox: Sandbox, payment: Payment) -> Payment:
    assert sandbox.pay(payment).status_code == 303
    return operations.settle(payment, now=timezone.now())


@pytest.fixture
def since(sandbox: Sandbox) -> Callable[..., int]:
    """How many objects of a kind and state the sandbox has gained in this test."""
    before = sandbox.state()

    def gained(kind: str, state: str = "total") -> int:
        return sandbox.state()[kind][state] - before[kind][state]

    return gained
