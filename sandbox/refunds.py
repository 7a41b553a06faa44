"""Money on its way back to a card."""

from typing import Any

from sandbox import objects
from sandbox.cards import FAILING_REFUND, PENDING_REFUND
from sandbox.errors import ApiError
from sandbox.events import emit
from sandbox.money import format_amount
from sandbox.store import Object, Transaction


def refund(tx: Transaction, charge: Object, params: dict[str, Any]) -> Object:
    """Give back `amount` in minor units, or all that is left. Raises ApiError when that is more than is left.

    What is returned is the answer to the request; by the card the refund may have failed or arrived since.
    """
    if charge["disputed"] and not charge.get("_dispute_won"):
        raise ApiError(f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")
    if not charge["captured"]:
        raise ApiError(f"Charge {charge['id']} has not been captured yet.", code="charge_not_captured")
    left = charge["amount"] - charge["amount_refunded"]
    if left == 0:
        raise ApiError(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    amount = params.get("amount", left)
    if amount > left:
        wanted, limit = format_amount(amount, charge["currency"]), format_amount(left, charge["currency"])
        raise ApiError(
            f"Refund amount ({wanted}) is greater than unrefunded amount on charge ({limit})", param="amount"
        )
    refund = objects.refund(charge, params, amount=amount, now=tx.now)
    refund["balance_transaction"] = tx.put(objects.balance_transaction(refund, fee=0, now=tx.now))["id"]
    if charge.get("_number") == PENDING_REFUND:
        refund |= {"status": "pending", "pending_reason": "processing"}
    emit(tx, "refund.created", refund)
    return_to_charge(tx, charge, refund)
    answer = dict(refund)
    if charge.get("_number") == FAILING_REFUND:
        _bounce(tx, charge, refund)
        return answer
    _arrive(tx, refund, amount)
    return answer if charge.get("_number") == PENDING_REFUND else refund


def _arrive(tx: Transaction, refund: Object, amount: int) -> None:
    # The bank's reference arrives after the refund: a handler must live with an update of what it already settled.
    card = refund["destination_details"]["card"]
    before: Object = {"destination_details": {"card": dict(card)}}
    if refund["status"] != "succeeded":
        before |= {"status": refund["status"], "pending_reason": refund["pending_reason"]}
    refund["destination_details"] = {
        "type": "card",
        "card": card | {"reference": f"4242{tx.now}{amount}"[:23], "reference_status": "available"},
    }
    refund |= {"status": "succeeded", "pending_reason": None}
    emit(tx, "refund.updated", refund, previous=before)
    tx.put(refund)


def _bounce(tx: Transaction, charge: Object, refund: Object) -> None:
    """The buyer's bank sends the money back after Stripe had said that it worked."""
    back = tx.put(
        objects.balance_transaction(refund, fee=0, now=tx.now, kind="refund_failure", amount=refund["amount"])
    )
    before = {"status": refund["status"]}
    refund |= {
        "status": "failed",
        "failure_reason": "expired_or_canceled_card",
        "failure_balance_transaction": back["id"],
    }  # fmt: skip
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    tx.put(charge)
    for kind in ("refund.updated", "refund.failed"):
        emit(tx, kind, refund, previous=before)
    tx.put(refund)


def release(tx: Transaction, charge: Object, amount: int, *, reason: str | None = None) -> None:
    """Let go of what was authorised and not captured. Stripe keeps that as a refund of the charge, though no money
    moved: a shop that adds up refunds must not take it for money given back."""
    refund = objects.refund(charge, {}, amount=amount, now=tx.now)
    refund["reason"] = reason
    refund["destination_details"]["card"]["type"] = "reversal"
    emit(tx, "refund.created", refund)
    tx.put(refund)
    return_to_charge(tx, charge, refund)


def return_to_charge(tx: Transaction, charge: Object, refund: Object) -> None:
    before = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    charge["amount_refunded"] += refund["amount"]
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    emit(tx, "charge.refunded", tx.put(charge), previous=before)
    intent = tx.get(charge["payment_intent"])
    assert intent is not None
    intent["_refunds"].append(refund["id"])
    tx.put(intent)
