"""Money that staff see arrive and give back themselves: there is nobody to ask."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from orders.models import Order
from payments.errors import InvalidSignature, PaymentRefused
from payments.models import Payment, PaymentEvent, Refund

from .base import Listed, Message, ProviderRefund, ProviderState, Started


class ManualProvider:
    code = ""
    confirms_order = False
    is_online = False
    is_configured = True
    livemode = False

    def expires_at(self, now: datetime) -> datetime | None:
        return None

    def parameters(self, payment: Payment, order: Order) -> dict[str, Any]:
        return {"reference": order.number}

    def start(self, payment: Payment, request: PaymentEvent) -> Started:
        return Started(external_id=payment.public_id)

    def retrieve(self, payment: Payment) -> ProviderState:
        return ProviderState(
            status="open",
            amount_minor=payment.amount_minor,
            currency=payment.currency,
            order_id=payment.order.public_id,
            payment_id=payment.public_id,
            livemode=False,
        )

    def expire(self, payment: Payment) -> ProviderState:
        return replace(self.retrieve(payment), status="expired")

    def captures_later(self, parameters: dict[str, Any]) -> bool:
        return False

    def capture(self, payment: Payment, request: PaymentEvent) -> None:
        raise PaymentRefused

    def void(self, payment: Payment, request: PaymentEvent) -> None:
        raise PaymentRefused

    def give_back(self, payment: Payment, request: PaymentEvent) -> None:
        raise PaymentRefused

    def listed(self, since: datetime, limit: int) -> list[Listed]:
        return []

    def refund(self, payment: Payment, refund: Refund) -> ProviderRefund:
        return ProviderRefund(refund.public_id, "succeeded", refund.amount_minor, refund.public_id)

    def parse_webhook(self, body: bytes, signature: str) -> Message:
        raise InvalidSignature
