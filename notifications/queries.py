"""Which mails about an order are true of it now."""

from orders.models import Order

PaymentStatus, Status = Order.PaymentStatus, Order.Status
MAILS = ("placed", "paid", "shipped", "delivered", "cancelled", "refunded")


def earned(order: Order) -> list[str]:
    """Those that may be sent again: a mail that asks for money already paid would be wrong by now."""
    lives = order.status != Status.CANCELLED
    is_card = order.payment_method == Order.PaymentMethod.STRIPE
    payment = order.payment_status
    is_unpaid = payment in {PaymentStatus.PENDING, PaymentStatus.FAILED}
    facts = {
        "placed": lives and (payment == PaymentStatus.AUTHORIZED or (is_unpaid and not is_card)),
        "paid": lives and payment in {PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED},
        "shipped": order.fulfillment_status != Order.FulfillmentStatus.UNFULFILLED,
        "delivered": order.status == Status.DELIVERED,
        "cancelled": not lives,
        "refunded": payment in {PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED},
    }
    return [mail for mail in MAILS if facts[mail]]


def confirmation(order: Order) -> str:
    """The mail that confirms the order: how to pay it, or that it is paid. Empty while a card was not accepted."""
    return next((mail for mail in ("paid", "placed") if mail in earned(order)), "")
