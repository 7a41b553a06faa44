"""Payments from before the stand-in was there, told to it by a file: a demo's past can then be given back."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox import objects
from sandbox.cards import by_token
from sandbox.store import Object, Store, Transaction


def take_over(store: Store, path: Path) -> int:
    """Know the payments in the file, one JSON object a line; returns how many are new. Nothing is told of them.

    A line names `session`, `payment_intent`, `amount` (minor units), `currency`, `email`, `at` (seconds), `reference`,
    `metadata` and `refunds` (each `id`, `amount`, `at`, `metadata`). Raises ValueError, KeyError on a damaged line.
    """
    new = 0
    for line in path.read_text(encoding="utf-8").splitlines():
        told = json.loads(line)
        with store.transaction(now=told["at"]) as tx:
            if tx.get(told["session"]) is None:
                _paid(tx, told)
                new += 1
    return new


def _paid(tx: Transaction, told: dict[str, Any]) -> None:
    typed = by_token("pm_card_visa", today=datetime.fromtimestamp(told["at"], UTC).date())
    assert typed is not None
    price = {"currency": told["currency"], "unit_amount": told["amount"], "product_data": {"name": told["reference"]}}
    asked = {
        "line_items": [{"price_data": price, "quantity": 1}],
        "success_url": "http://localhost/",
        "client_reference_id": told["reference"],
        "customer_email": told["email"],
        "metadata": told["metadata"],
    }
    session = objects.session(asked, public_url="", now=tx.now)
    intent = objects.payment_intent(
        {"metadata": told["metadata"]},
        amount=told["amount"],
        currency=told["currency"],
        session_id=told["session"],
        now=tx.now,
    )
    intent["id"] = told["payment_intent"]
    method = tx.put(objects.payment_method(typed, told["email"], now=tx.now))
    intent |= {"status": "succeeded", "amount_received": told["amount"], "payment_method": method["id"]}
    charge = objects.charge(intent, typed, told["email"], now=tx.now)
    charge |= {"captured": True, "amount_captured": told["amount"]}
    fee = told["amount"] * 29 // 1000 + 30
    charge["balance_transaction"] = tx.put(objects.balance_transaction(charge, fee=fee, now=tx.now))["id"]
    intent["latest_charge"] = charge["id"]
    session |= {
        "id": told["session"],
        "payment_intent": intent["id"],
        "status": "complete",
        "payment_status": "paid",
        "url": None,
        "customer_details": objects.customer_details(told["email"]),
    }
    for back in told["refunds"]:
        _gave_back(tx, intent, charge, back)
    for obj in (session, intent, charge):
        tx.put(obj)


def _gave_back(tx: Transaction, intent: Object, charge: Object, told: dict[str, Any]) -> None:
    refund = objects.refund(charge, {"metadata": told["metadata"]}, amount=told["amount"], now=told["at"])
    refund["id"] = told["id"]
    refund["balance_transaction"] = tx.put(objects.balance_transaction(refund, fee=0, now=told["at"]))["id"]
    charge["amount_refunded"] += told["amount"]
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    intent["_refunds"].append(tx.put(refund)["id"])
