"""The payments' part of a copy. Nothing is erased: amounts and states belong to the books and name nobody."""

from typing import Any

from accounts.models import User
from shop.money import to_number
from shop.privacy import Part

from .models import Payment


def export(user: User) -> list[dict[str, Any]]:
    """Without what the provider calls it, or where it is paid: that is for the provider's eyes and ours."""
    payments = Payment.objects.filter(order__user=user).select_related("order").order_by("id")
    return [
        {
            "paymentId": payment.public_id,
            "orderId": payment.order.public_id,
            "provider": payment.provider,
            "status": payment.status,
            "currency": payment.currency,
            "amount": to_number(payment.amount_minor, payment.currency),
            "captured": to_number(payment.captured_minor, payment.currency),
            "refunded": to_number(payment.refunded_minor, payment.currency),
            "createdAt": payment.created_at,
        }
        for payment in payments
    ]


PART = Part("payments", export)
