"""Stripe's objects in the shapes of the pinned API version. Fields that start with "_" never leave the sandbox."""

import copy
import secrets
import string
from typing import Any

from sandbox.cards import Decline, TypedCard
from sandbox.store import Object

API_VERSION = "2026-10-28.endive"
AUTHORISED_FOR = 7 * 24 * 3600
ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str, length: int = 24) -> str:
    return f"{prefix}_" + "".join(secrets.choice(ALPHABET) for _ in range(length))


def nulls(names: str) -> dict[str, None]:
    return dict.fromkeys(names.split())


def public(obj: Object) -> Object:
    return {name: value for name, value in obj.items() if not name.startswith("_")}


def listing(data: list[Object], url: str, *, has_more: bool = False) -> Object:
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def line_item(params: dict[str, Any], *, now: int) -> Object:
    price_data, quantity = params["price_data"], params["quantity"]
    product, amount = price_data["product_data"], price_data["unit_amount"] * quantity
    return {
        "id": new_id("li"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price_data["currency"],
        "description": product["name"],
        "metadata": product.get("metadata", {}),
        "price": {
            **nulls("custom_unit_amount lookup_key nickname recurring tiers_mode transform_quantity"),
            "id": new_id("price"),
            "object": "price",
            "active": False,
            "billing_scheme": "per_unit",
            "created": now,
            "currency": price_data["currency"],
            "livemode": False,
            "metadata": {},
            "product": new_id("prod", 14),
            "tax_behavior": price_data.get("tax_behavior", "unspecified"),
            "type": "one_time",
            "unit_amount": price_data["unit_amount"],
            "unit_amount_decimal": str(price_data["unit_amount"]),
        },
        "quantity": quantity,
        "_detail": product.get("description"),
    }


def session(params: dict[str, Any], *, public_url: str, now: int) -> Object:
    ident = new_id("cs_test", 58)
    lines = [line_item(line, now=now) for line in params["line_items"]]
    total = sum(line["amount_total"] for line in lines)
    return {
        **nulls(
            "after_expiration allow_promotion_codes billing_address_collection branding_settings client_secret "
            "collected_information consent consent_collection currency_conversion customer customer_account "
            "customer_details integration_identifier invoice invoice_creation managed_payments name_collection "
            "origin_context payment_intent payment_link payment_method_configuration_details permissions "
            "presentment_details recovered_from redirect_on_completion return_url saved_payment_method_options "
            "setup_intent shipping_address_collection shipping_cost subscription tax_id_collection wallet_options"
        ),
        "id": ident,
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": False},
        "allowed_payment_method_types": params.get("allowed_payment_method_types"),
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, **nulls("liability provider status")},
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "created": now,
        "currency": lines[0]["currency"],
        "custom_fields": [],
        "custom_text": nulls("after_submit shipping_address submit terms_of_service_acceptance"),
        "customer_creation": "if_required",
        "customer_email": params.get("customer_email"),
        "discounts": [],
        "expires_at": params.get("expires_at", now + 24 * 3600),
        "livemode": False,
        "locale": params.get("locale"),
        "metadata": params.get("metadata", {}),
        "mode": "payment",
        "payment_method_collection": "if_required",
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": False},
        "shipping_options": [],
        "status": "open",
        "submit_type": params.get("submit_type"),
        "success_url": params["success_url"],
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": f"{public_url}/c/pay/{ident}",
        "_lines": lines,
        "_payment_intent_data": params.get("payment_intent_data", {}),
    }


def customer_details(email: str) -> Object:
    return {
        **nulls("address business_name individual_name name phone"),
        "email": email,
        "tax_exempt": "none",
        "tax_ids": [],
    }


def payment_intent(data: dict[str, Any], *, amount: int, currency: str, session_id: str | None, now: int) -> Object:
    ident = new_id("pi")
    automatic = data.get("automatic_payment_methods")
    return {
        **nulls(
            "application application_fee_amount canceled_at cancellation_reason customer "
            "customer_account excluded_payment_method_types hooks last_payment_error latest_charge managed_payments "
            "next_action on_behalf_of payment_details payment_method payment_method_configuration_details "
            "payment_record presentment_details processing review setup_future_usage shipping source transfer_data "
            "transfer_group"
        ),
        "id": ident,
        "object": "payment_intent",
        "allowed_payment_method_types": data.get("allowed_payment_method_types"),
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "automatic_payment_methods": automatic and {"allow_redirects": "always"} | automatic,
        "capture_method": data.get("capture_method", "automatic_async"),
        "client_secret": f"{ident}_secret_{secrets.token_hex(12)}",
        "confirmation_method": "automatic",
        "created": now,
        "currency": currency,
        "description": data.get("description"),
        "livemode": False,
        "metadata": data.get("metadata", {}),
        "payment_method_options": {
            "card": {**nulls("installments mandate_options network"), "request_three_d_secure": "automatic"}
        },
        "payment_method_types": ["card"],
        "receipt_email": data.get("receipt_email"),
        "statement_descriptor": data.get("statement_descriptor"),
        "statement_descriptor_suffix": data.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
        "_session": session_id,
        "_refunds": [],
    }


def payment_method(typed: TypedCard, email: str, *, now: int) -> Object:
    card = typed.card
    return {
        **nulls("customer customer_account"),
        "id": new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": billing_details(email),
        "card": {
            **nulls("generated_from wallet"),
            "brand": card.brand,
            "checks": {**nulls("address_line1_check address_postal_code_check"), "cvc_check": "unchecked"},
            "country": "US",
            "display_brand": card.brand,
            "exp_month": typed.exp_month,
            "exp_year": typed.exp_year,
            "fingerprint": f"print{card.number[::3]}",
            "funding": "credit",
            "last4": card.last4,
            "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
        },
        "created": now,
        "livemode": False,
        "metadata": {},
        "type": "card",
        "_number": card.number,
    }


def billing_details(email: str) -> Object:
    address = nulls("city country line1 line2 postal_code state")
    return {"address": address, "email": email or None, **nulls("name phone tax_id")}


def charge(intent: Object, typed: TypedCard, email: str, *, now: int) -> Object:
    """One attempt on a card: authorised and nothing captured yet, or failed with the card's decline."""
    card, decline = typed.card, typed.card.decline
    return {
        **nulls(
            "application application_fee application_fee_amount authorization_code balance_transaction customer "
            "failure_balance_transaction level3 on_behalf_of presentment_details receipt_number receipt_url review "
            "shipping source source_transfer transfer_data transfer_group"
        ),
        "id": new_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "billing_details": billing_details(email),
        "calculated_statement_descriptor": "SANDBOX",
        "captured": False,
        "created": now,
        "currency": intent["currency"],
        "description": intent["description"],
        "disputed": False,
        "failure_code": decline.code if decline else None,
        "failure_message": decline.message if decline else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": intent["metadata"],
        "outcome": _outcome(decline),
        "paid": not decline,
        "payment_intent": intent["id"],
        "payment_method": intent["payment_method"],
        "payment_method_details": {
            "type": "card",
            "card": {
                **nulls("installments mandate moto network_token three_d_secure wallet"),
                "amount_authorized": None if decline else intent["amount"],
                "brand": card.brand,
                **({"capture_before": now + AUTHORISED_FOR} if intent["capture_method"] == "manual" else {}),
                "checks": {
                    **nulls("address_line1_check address_postal_code_check"),
                    "cvc_check": "fail" if decline and decline.code == "incorrect_cvc" else "pass",
                },
                "country": "US",
                "exp_month": typed.exp_month,
                "exp_year": typed.exp_year,
                "funding": "credit",
                "last4": card.last4,
                "network": card.brand,
            },
        },
        "radar_options": {},
        "receipt_email": intent["receipt_email"],
        "refunded": False,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "failed" if decline else "succeeded",
        "_number": card.number,
        "_dispute_won": False,
    }


def _outcome(decline: Decline | None) -> Object:
    base = {**nulls("advice_code network_advice_code network_decline_code"), "risk_level": "normal", "risk_score": 20}
    if not decline:
        return base | {
            "network_status": "approved_by_network", "reason": None,
            "seller_message": "Payment complete.", "type": "authorized",
        }  # fmt: skip
    return base | {
        "network_status": "declined_by_network", "reason": decline.decline_code,
        "seller_message": decline.message, "type": "issuer_declined",
    }  # fmt: skip


def balance_transaction(
    source: Object, *, fee: int, now: int, kind: str | None = None, amount: int | None = None
) -> Object:
    """What happened to the account's balance: a charge adds what was captured, a refund takes its amount."""
    if amount is None:
        amount = source["amount_captured"] if source["object"] == "charge" else -source["amount"]
    kind = kind or source["object"]
    detail = {"amount": fee, "application": None, "currency": source["currency"], "type": "stripe_fee"}
    return {
        "id": new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": now + 2 * 24 * 3600,
        "balance_type": "payments",
        "created": now,
        "currency": source["currency"],
        "description": None,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [detail | {"description": "Processing fees"}] if fee else [],
        "net": amount - fee,
        "reporting_category": kind,
        "source": source["id"],
        "status": "pending",
        "type": kind,
    }


def dispute(charge: Object, *, amount: int, reason: str, now: int) -> Object:
    card = charge["payment_method_details"]["card"]
    ident = new_id("du")
    return {
        "id": ident,
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {
            **nulls(
                "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure "
                "cancellation_rebuttal customer_communication customer_email_address customer_name "
                "customer_purchase_ip customer_signature duplicate_charge_documentation duplicate_charge_explanation "
                "duplicate_charge_id product_description receipt refund_policy refund_policy_disclosure "
                "refund_refusal_explanation service_date service_documentation shipping_address shipping_carrier "
                "shipping_date shipping_documentation shipping_tracking_number uncategorized_file uncategorized_text"
            ),
            "enhanced_evidence": {},
        },
        "evidence_details": {
            "due_by": now + 7 * 24 * 3600,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "network_reason_code": "10.4" if reason == "fraudulent" else "13.1",
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "type": "card",
            "card": {
                "brand": card["brand"], "case_type": "chargeback", "network": card["network"],
                "network_reason_code": "10.4" if reason == "fraudulent" else "13.1",
            },
        },
        "reason": reason,
        "status": "needs_response",
    }  # fmt: skip


def refund(charge: Object, params: dict[str, Any], *, amount: int, now: int) -> Object:
    return {
        **nulls("balance_transaction customer description receipt_number source_transfer_reversal transfer_reversal"),
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "charge": charge["id"],
        "created": now,
        "currency": charge["currency"],
        "destination_details": {
            "type": "card",
            "card": {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"},
        },
        "metadata": params.get("metadata", {}),
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": params.get("reason"),
        "status": "succeeded",
    }


def event(
    kind: str, obj: Object, *, previous: Object | None, request: dict[str, str | None], now: int
) -> Object:  # fmt: skip
    data: Object = {"object": copy.deepcopy(public(obj))}  # as it is now, whatever happens to it later
    if previous is not None:
        data["previous_attributes"] = previous
    return {
        "id": new_id("evt"),
        "object": "event",
        "account": None,
        "api_version": API_VERSION,
        "context": None,
        "created": now,
        "data": data,
        "livemode": False,
        "pending_webhooks": 1,
        "request": request,
        "type": kind,
    }
