"""A buyer who asks the bank for the money back: taken at once, given back if the shop wins."""

from sandbox import objects
from sandbox.errors import ApiError, no_such
from sandbox.events import emit
from sandbox.store import Object, Transaction

EVIDENCE = (
    "access_activity_log", "billing_address", "cancellation_policy_disclosure", "cancellation_rebuttal",
    "customer_email_address", "customer_name", "customer_purchase_ip", "duplicate_charge_explanation",
    "duplicate_charge_id", "product_description", "refund_policy_disclosure", "refund_refusal_explanation",
    "service_date", "shipping_address", "shipping_carrier", "shipping_date", "shipping_tracking_number",
    "uncategorized_text",
)  # fmt: skip
CLOSED = ("won", "lost", "warning_closed", "prevented")
REASONS = (
    "credit_not_processed", "duplicate", "fraudulent", "general", "product_not_received", "product_unacceptable",
    "subscription_canceled", "unrecognized",
)  # fmt: skip
FEE = 1500


def dispute(tx: Transaction, charge: Object, *, amount: int | None = None, reason: str = "fraudulent") -> Object:
    """Open a dispute of `amount` minor units, or of what is left. Raises ApiError where a bank could not."""
    left = charge["amount_captured"] - (charge["amount_refunded"] - (charge["amount"] - charge["amount_captured"]))
    wanted = left if amount is None else amount
    if charge["disputed"] or not charge["captured"] or not 0 < wanted <= left:
        raise ApiError(f"Charge {charge['id']} cannot be disputed, or not for that amount.", param="amount")
    made = objects.dispute(charge, amount=wanted, reason=reason, now=tx.now)
    _book(tx, made, -made["amount"], fee=FEE)
    charge |= {"disputed": True, "_dispute_won": False}
    tx.put(charge)
    emit(tx, "charge.dispute.created", made)
    emit(tx, "charge.dispute.funds_withdrawn", made)
    return tx.put(made)


def answer(tx: Transaction, dispute: Object, evidence: Object, *, submit: bool) -> Object:
    """Keep the evidence and, with `submit`, hand it to the bank; Stripe's two magic words decide at once."""
    dispute["evidence"] |= evidence
    dispute["evidence_details"]["has_evidence"] = any(
        value for name, value in dispute["evidence"].items() if name != "enhanced_evidence"
    )
    if submit:
        details = dispute["evidence_details"]
        details |= {"submission_count": details["submission_count"] + 1, "submission_method": "manual"}
        dispute["status"] = "under_review"
    emit(tx, "charge.dispute.updated", dispute)
    verdict = {"winning_evidence": True, "losing_evidence": False}.get(dispute["evidence"]["uncategorized_text"] or "")
    if submit and verdict is not None:
        return close(tx, dispute, won=verdict)
    return tx.put(dispute)


def close(tx: Transaction, dispute: Object, *, won: bool) -> Object:
    """End it. Won money comes back; the charge can be refunded again."""
    dispute["status"] = "won" if won else "lost"
    charge = tx.get(dispute["charge"])
    assert charge is not None
    if won:
        _book(tx, dispute, dispute["amount"], fee=-FEE)
        charge["_dispute_won"] = True
        emit(tx, "charge.dispute.funds_reinstated", dispute)
    tx.put(charge)
    emit(tx, "charge.dispute.closed", dispute)
    return tx.put(dispute)


def by_hand(tx: Transaction, path: list[str], values: Object) -> Object:
    """The control of a developer or a test: `{"charge": or "payment_intent":, "amount":, "reason":}` opens a dispute,
    `{"outcome": "won"|"lost"}` at its id closes it."""
    if path:
        found = tx.get(path[0])
        if not found or found["object"] != "dispute" or found["status"] in CLOSED:
            raise no_such("open dispute", path[0], "dispute")
        if values.get("outcome") not in ("won", "lost"):
            raise ApiError("The outcome is won or lost.", param="outcome")
        return objects.public(close(tx, found, won=values["outcome"] == "won"))
    intent = tx.get(str(values.get("payment_intent"))) or {}
    ident = str(values.get("charge") or intent.get("latest_charge"))
    charge = tx.get(ident)
    if not charge or charge["object"] != "charge":
        raise no_such("charge", ident, "charge")
    amount, reason = values.get("amount"), values.get("reason", "fraudulent")
    if not (amount is None or isinstance(amount, int)) or reason not in REASONS:
        raise ApiError(f"Amount is in minor units, the reason one of {', '.join(REASONS)}.")
    return objects.public(dispute(tx, charge, amount=amount, reason=reason))


def _book(tx: Transaction, dispute: Object, amount: int, *, fee: int) -> None:
    entry = objects.balance_transaction(dispute, fee=fee, now=tx.now, kind="adjustment", amount=amount)
    entry["reporting_category"] = "dispute" if amount < 0 else "dispute_reversal"
    dispute["balance_transactions"].append(tx.put(entry))
