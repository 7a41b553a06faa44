"""What a file tells of the time before the stand-in was there."""

import json

import pytest
import stripe

from sandbox.past import take_over
from sandbox.store import Store

REFUND = {"id": "re_demo_1", "amount": 400, "at": 1_800_000_500, "metadata": {"refund": "ref_1"}}
PAID = {
    "session": "cs_demo_1",
    "payment_intent": "pi_demo_1",
    "amount": 2500,
    "currency": "eur",
    "email": "ann@example.com",
    "at": 1_800_000_000,
    "reference": "order_1",
    "metadata": {"order": "order_1"},
    "refunds": [REFUND],
}


def test_past_payment_is_known_and_can_be_given_back(own_sandbox, receiver, tmp_path):
    own_sandbox.kill()
    own_sandbox.past = tmp_path / "past.jsonl"
    own_sandbox.past.write_text(json.dumps(PAID) + "\n")
    own_sandbox.start()

    client = own_sandbox.client()
    session = client.v1.checkout.sessions.retrieve("cs_demo_1", {"expand": ["payment_intent.latest_charge"]})
    assert (session.status, session.payment_status, session.amount_total) == ("complete", "paid", 2500)
    assert session.metadata["order"] == "order_1"
    charge = session.payment_intent.latest_charge
    assert (charge.amount_captured, charge.amount_refunded, charge.created) == (2500, 400, 1_800_000_000)
    with pytest.raises(stripe.InvalidRequestError, match=r"€21.01.*€21.00"):
        client.v1.refunds.create({"payment_intent": "pi_demo_1", "amount": 2101})
    rest = client.v1.refunds.create({"payment_intent": "pi_demo_1"})
    assert [one.id for one in client.v1.refunds.list({"payment_intent": "pi_demo_1"}).data] == [rest.id, "re_demo_1"]
    assert {event.type for event in client.v1.events.list().data} == {
        "refund.created", "charge.refunded", "refund.updated",
    }  # fmt: skip

    own_sandbox.kill()
    own_sandbox.start()
    assert own_sandbox.client().v1.charges.retrieve(charge.id).refunded


def test_past_is_taken_over_once(tmp_path):
    path = tmp_path / "past.jsonl"
    path.write_text(json.dumps(PAID) + "\n")
    store = Store(tmp_path)
    assert (take_over(store, path), take_over(store, path)) == (1, 0)
    path.write_text(path.read_text() + json.dumps(PAID | {"session": "cs_demo_2", "payment_intent": "pi_2"}) + "\n")
    assert take_over(store, path) == 1
    store.close()
