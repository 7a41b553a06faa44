import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
import requests
import stripe
from django.db import connections
from django.test import Client
from django.utils import timezone

from orders.models import Order
from payments import operations
from payments.models import Payment, WebhookEvent
from payments.operations import webhooks
from payments.providers.stripe import client

from .factories import place_order
from .sandbox import DECLINED, ROOT, SECRET, Sandbox

URL = "/webhooks/stripe"


def signed(body: str, *, secret: str = SECRET, age: int = 0) -> str:
    moment = int(timezone.now().timestamp()) - age
    return stripe.WebhookSignature.generate_signature_header(body, secret, moment)


def event_about(payment: Payment, kind: str = "checkout.session.completed", **changes: Any) -> str:
    session = {"id": payment.external_id, "object": "checkout.session", "metadata": {"payment": payment.public_id}}
    event = {"id": "evt_1", "object": "event", "type": kind, "data": {"object": session | changes}}
    return json.dumps(event)


def post(body: str, signature: str) -> int:
    return (
        Client().post(URL, body, content_type="application/json", headers={"Stripe-Signature": signature}).status_code
    )


def handle(after: timedelta = timedelta(0)) -> int:
    return operations.handle_webhooks(timezone.now() + after)


def test_delivered_by_the_provider_confirms_without_the_buyer_coming_back(sandbox: Sandbox, payment: Payment) -> None:
    sandbox.set_webhooks("deliver")
    sandbox.pay(payment)
    sandbox.wait_for_webhooks()
    assert handle() >= 1

    order = Order.objects.get(pk=payment.order_id)
    assert (order.status, order.payment_status) == ("confirmed", "paid")
    assert not WebhookEvent.objects.filter(handled_at__isnull=True).exists()


def test_delivered_twice_and_after_the_redirect_is_one_capture(sandbox: Sandbox, payment: Payment) -> None:
    sandbox.set_webhooks("duplicate")
    sandbox.pay(payment)
    operations.settle(payment, now=timezone.now())
    sandbox.wait_for_webhooks()
    assert sandbox.state()["webhooks"]["duplicated"]  # the fault struck
    handle()

    assert payment.events.filter(kind="capture", phase="success").count() == 1
    assert payment.order.events.filter(type="paid").count() == 1


def test_expiry_at_the_provider_arrives(sandbox: Sandbox, payment: Payment) -> None:
    sandbox.set_webhooks("deliver")
    client().v1.checkout.sessions.expire(payment.external_id or "")
    sandbox.wait_for_webhooks()
    handle()
    payment.refresh_from_db()
    assert payment.status == "expired"


def test_refund_at_the_provider_arrives_by_its_intent(sandbox: Sandbox, paid: Payment) -> None:
    sandbox.set_webhooks("deliver")
    intent = paid.events.get(kind="capture", phase="success").external_ref
    client().v1.refunds.create({"payment_intent": intent, "amount": 300})
    sandbox.wait_for_webhooks()
    handle()
    paid.refresh_from_db()
    assert paid.refunded_minor == 300
    assert paid.refunds.count() == 1


def test_a_message_by_its_intent_finds_its_payment_beside_one_that_never_began(sandbox: Sandbox, paid: Payment) -> None:
    """What names no session is not about the payments that have none: the money would have gone back unheard of."""
    order = place_order()
    Payment.objects.create(order=order, provider="stripe", currency="EUR", amount_minor=order.total_minor)
    sandbox.set_webhooks("deliver")
    intent = paid.events.get(kind="capture", phase="success").external_ref
    requests.post(f"{sandbox.url}/_sandbox/disputes", json={"payment_intent": intent}, timeout=10).raise_for_status()
    sandbox.wait_for_webhooks()
    assert handle() >= 1
    paid.refresh_from_db()
    assert paid.disputed_minor == paid.captured_minor


def test_any_order_of_arrival_ends_in_the_same_state(sandbox: Sandbox, payment: Payment) -> None:
    sandbox.pay(payment, DECLINED)
    sandbox.pay(payment)
    operations.settle(payment, now=timezone.now())
    client().v1.refunds.create(
        {"payment_intent": payment.events.get(kind="capture", phase="success").external_ref, "amount": 300}
    )
    kinds = [
        "charge.refunded",
        "checkout.session.completed",
        "checkout.session.expired",
    ]
    for number, order_of_arrival in enumerate(permutations(kinds)):
        for kind in order_of_arrival:
            body = event_about(payment, kind).replace("evt_1", f"evt_{number}_{kind}")
            assert post(body, signed(body)) == 200
    assert handle() == 18
    payment.refresh_from_db()
    assert (payment.status, payment.refunded_minor) == ("captured", 300)
    assert payment.refunds.count() == 1


def test_fifty_at_a_time_are_kept_once(sandbox: Sandbox, payment: Payment, live_server: Any) -> None:
    body = event_about(payment)
    signature = signed(body)

    def send(_: int) -> int:
        headers = {"Stripe-Signature": signature, "Content-Type": "application/json"}
        return requests.post(f"{live_server.url}{URL}", body, headers=headers, timeout=30).status_code

    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(send, range(50))) == {200}
    assert WebhookEvent.objects.count() == 1


def test_several_workers_handle_a_message_once(sandbox: Sandbox, payment: Payment) -> None:
    for number in range(6):
        body = event_about(payment).replace("evt_1", f"evt_{number}")
        post(body, signed(body))

    def work(_: int) -> int:
        try:
            return handle()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 6


SIGNATURES: dict[str, Callable[[str], str]] = {
    "none": lambda body: "",
    "empty": lambda body: "t=1,v1=",
    "nonsense": lambda body: "nonsense",
    "not ascii": lambda body: f"t={int(timezone.now().timestamp())},v1=\u00e9",
    "forged": lambda body: signed(body, secret="whsec_of_somebody_else"),
    "old": lambda body: signed(body, age=301),
    "of another body": lambda body: signed(body + " "),
}


@pytest.mark.django_db
@pytest.mark.parametrize("kind", SIGNATURES)
def test_message_that_is_not_the_providers_is_refused(kind: str) -> None:
    body = event_about(Payment(external_id="cs_test_1"))
    assert post(body, SIGNATURES[kind](body)) == 400
    assert not WebhookEvent.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("body", ["", "[]", "{}", "not json", '{"id": "evt_1"}', '"text"', "null"])
def test_signed_nonsense_is_refused(body: str) -> None:
    assert post(body, signed(body)) == 400


def test_bytes_that_are_no_text_are_refused() -> None:
    response = Client().post(
        URL, b"\xff\xfe", content_type="application/json", headers={"Stripe-Signature": "t=1,v1=a"}
    )
    assert response.status_code == 400


def test_message_tells_where_to_look_and_is_not_believed(sandbox: Sandbox, payment: Payment) -> None:
    body = event_about(payment, payment_status="paid", status="complete", amount_total=payment.amount_minor)
    assert post(body, signed(body)) == 200
    assert handle() == 1
    payment.refresh_from_db()
    assert payment.status == "pending"


@pytest.mark.django_db
def test_types_of_no_concern_are_done_with() -> None:
    body = event_about(Payment(external_id="cs_test_1"), "customer.created")
    assert post(body, signed(body)) == 200
    handle()
    assert WebhookEvent.objects.get().handled_at is not None


def test_payment_not_known_yet_is_kept_and_tried_again(sandbox: Sandbox, payment: Payment) -> None:
    sandbox.pay(payment)
    stranger = Payment(public_id="pay_not_in_our_books", external_id="cs_test_unknown")
    body = event_about(stranger)
    assert post(body, signed(body)) == 200

    assert handle() == 0
    kept = WebhookEvent.objects.get()
    assert (kept.handled_at, kept.last_error, kept.attempts) == (None, "unknown_payment", 1)
    assert handle() == 0  # it waits for its turn
    assert WebhookEvent.objects.get().attempts == 1

    kept.payload = {"external_id": payment.external_id}  # now it is known
    kept.save()
    assert handle(timedelta(seconds=10)) == 1
    payment.refresh_from_db()
    assert payment.status == "captured"


def test_provider_away_leaves_the_message_for_later(sandbox: Sandbox, payment: Payment, settings: Any) -> None:
    sandbox.pay(payment)
    body = event_about(payment)
    post(body, signed(body))
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    assert handle() == 0
    assert WebhookEvent.objects.get().last_error == "payment_unavailable"

    settings.STRIPE_API_BASE = sandbox.url
    assert handle(timedelta(seconds=10)) == 1


@pytest.mark.django_db
def test_nothing_of_the_buyer_is_kept() -> None:
    body = event_about(Payment(external_id="cs_test_1"), customer_email="ada@example.com")
    post(body, signed(body))
    assert "ada" not in json.dumps(WebhookEvent.objects.get().payload)


@pytest.mark.slow
def test_database_away_answers_503_so_that_it_is_sent_again() -> None:
    """A process of its own, whose database is a closed port."""
    script = (
        "import django; django.setup()\n"
        "import stripe, time; from django.test import Client\n"
        'body = \'{"id": "evt_1", "object": "event", "type": "x", "data": {"object": {}}}\'\n'
        "from stripe import WebhookSignature as S\n"
        "headers = {'Stripe-Signature': S.generate_signature_header(body, 'whsec_x', int(time.time()))}\n"
        "client = Client(raise_request_exception=False)\n"
        "print(client.post('/webhooks/stripe', body, content_type='application/json', headers=headers).status_code)\n"
    )
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": "postgres://nobody@127.0.0.1:9/none",
        "STRIPE_WEBHOOK_SECRET": "whsec_x",
        "ALLOWED_HOSTS": "testserver",
    }
    result = subprocess.run([sys.executable, "-c", script], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert result.stdout.split() == ["503"], result.stderr[-500:]


@pytest.mark.django_db
def test_handled_messages_are_forgotten_after_a_month_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "FORGET_BATCH", 2)
    now = timezone.now()
    old, new = now - timedelta(days=31), now - timedelta(days=29)
    for n, handled_at in enumerate([old, old, old, new, None]):
        WebhookEvent.objects.create(
            provider="stripe", event_id=f"evt_{n}", type="x", payload={}, received_at=old, handled_at=handled_at
        )
    assert operations.forget_webhooks(now - timedelta(days=30)) == 3
    assert set(WebhookEvent.objects.values_list("event_id", flat=True)) == {"evt_3", "evt_4"}
