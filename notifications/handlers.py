"""Which event writes which mail. Every key is the event's own, so that a repeated event writes no second mail."""

from typing import Any

from django.conf import settings
from django.urls import reverse

from accounts import operations as accounts
from accounts.models import User
from catalog.models import Variant
from inventory.models import Reservation, StockItem
from orders.models import Order, Return, Shipment
from payments.models import Refund

from .models import MailLog
from .operations import digest, send
from .queries import earned

Payload = dict[str, Any]
PICKUP_MAILS = {
    "shipped": "ready_to_collect",
    "part_shipped": "ready_to_collect",
    "parcel_replaced": "ready_to_collect",
    "delivered": "collected",
    "part_delivered": "collected",
}


def order_placed(payload: Payload) -> None:
    """How to pay, also when that was changed; or, once the order is confirmed, that the money is set aside.

    Who pays by card gets one confirmation, when the money is there: until then nothing is agreed on, and a mail that
    thanks for an order of which the card was refused would be wrong within the minute.
    """
    order = find_order(payload)
    if "placed" in earned(order):
        to_buyer(order, "placed", suffix=f":{order.payment_method}", invoice_account=bank_account(order))


def order_paid(payload: Payload) -> None:
    to_buyer(find_order(payload), "paid")


def order_shipped(payload: Payload) -> None:
    parcel_left(payload, "shipped")


def order_partly_shipped(payload: Payload) -> None:
    parcel_left(payload, "part_shipped")


def order_parcel_replaced(payload: Payload) -> None:
    parcel_left(payload, "parcel_replaced")


def order_delivered(payload: Payload) -> None:
    parcels_arrived(payload, "delivered")


def order_partly_delivered(payload: Payload) -> None:
    parcels_arrived(payload, "part_delivered")


def order_cancelled(payload: Payload) -> None:
    to_buyer(find_order(payload), "cancelled")


def order_refunded(payload: Payload) -> None:
    amount = payload["amount_minor"]
    to_buyer(find_order(payload), "refunded", suffix=f":{payload['refund_id']}", amount_minor=amount)


def order_mail_requested(payload: Payload) -> None:
    """One that is no longer true by the time that its turn comes is left unsent."""
    order, mail = find_order(payload), payload["mail"]
    if mail in earned(order):
        context = {
            "invoice_account": bank_account(order),
            "amount_minor": last_refund(order),
            "parcels": arrived(order) if mail == "delivered" else sent(order)[-1:],
        }
        to_buyer(order, for_pickup(order, mail), suffix=f":{payload['request_id']}", **context)


def return_requested(payload: Payload) -> None:
    """For staff, unless one of them has answered: who books what a buyer brought back does so at once."""
    made = find_return(payload)
    if made.status != Return.Status.REQUESTED:
        return
    admin_url = absolute(reverse("admin:orders_order_change", args=[made.order_id]))
    context = {"order": made.order, "return": made, "admin_url": admin_url}
    key = f"return_requested:{made.public_id}"
    send("return_requested", to=settings.SHOP_STAFF_EMAIL, key=key, context=context, number=made.order.number)


def return_approved(payload: Payload) -> None:
    """Where to send it, unless it is here already."""
    if find_return(payload).status != Return.Status.APPROVED:
        return
    about_return(payload, "return_approved", address=settings.SHOP_RETURN_ADDRESS)


def return_rejected(payload: Payload) -> None:
    about_return(payload, "return_rejected")


def payment_failed(payload: Payload) -> None:
    order = find_order(payload)
    if order.is_open_for_payment:
        pay_url = absolute(reverse("payments:pay", args=[order.public_id])) + f"?token={order.access_token}"
        to_buyer(order, "payment_failed", suffix=f":{payload['payment_id']}", pay_url=pay_url)


def payment_mismatch(payload: Payload) -> None:
    order = find_order(payload)
    key = f"payment_mismatch:{payload['payment_id']}:{payload['problem']}"
    admin_url = absolute(reverse("admin:orders_order_change", args=[order.pk]))
    context = {"order": order, "problem": payload["problem"], "admin_url": admin_url}
    send("payment_mismatch", to=settings.SHOP_STAFF_EMAIL, key=key, context=context, order=order, number=order.number)


def stock_low(payload: Payload) -> None:
    low = StockItem.objects.low().filter(sku__in=payload["skus"], low_stock_at__isnull=False)
    items = list(low.order_by("sku", "id"))
    variants = Variant.objects.select_related("product").filter(sku__in=payload["skus"])
    names = {variant.sku: str(variant) for variant in variants}
    if not items:
        return
    key = f"stock_low:{items[0].sku}:{items[0].low_stock_at}:{len(items)}"
    rows = [(names.get(item.sku, item.sku), item.sku, item.available, item.low_stock_threshold) for item in items]
    first = rows[0][0] + (f" and {len(rows) - 1} more" if len(rows) > 1 else "")
    context = {"items": rows, "admin_url": absolute(reverse("admin:inventory_stockitem_changelist"))}
    send("low_stock", to=settings.SHOP_STAFF_EMAIL, key=key, context=context, first=first)


def webhook_disabled(payload: Payload) -> None:
    context = {**payload, "admin_url": absolute(reverse("admin:webhooks_endpoint_changelist"))}
    key = f"webhook_disabled:{payload['endpoint_id']}:{digest(payload['at'])}"
    send("webhook_disabled", to=settings.SHOP_STAFF_EMAIL, key=key, context=context, url=payload["url"])


def stock_shortfall(payload: Payload) -> None:
    """Whose orders wait for units that a count did not find, the newest first. No mail once that has healed."""
    item = StockItem.objects.filter(sku=payload["sku"], warehouse_id=payload["warehouse_id"], shortfall__gt=0).first()
    if item is None:
        return
    promised = Reservation.objects.open().allocations().filter(sku=item.sku, warehouse_id=item.warehouse_id)
    units = {each.reference.removeprefix("order:"): each.quantity for each in promised}
    orders = Order.objects.filter(public_id__in=units).order_by("-placed_at", "-id")
    context = {
        "item": item,
        "orders": [(order.number, units[order.public_id]) for order in orders],
        "admin_url": absolute(reverse("admin:inventory_stockitem_change", args=[item.pk])),
    }
    key = f"stock_shortfall:{item.sku}:{item.warehouse_id}:{payload['at']}"
    send("shortfall", to=settings.SHOP_STAFF_EMAIL, key=key, context=context, sku=item.sku)


def user_created(payload: Payload) -> None:
    """The link that verifies the address comes with it: two mails at once would be one too many."""
    user = User.objects.get(public_id=payload["user_id"])
    context = {
        "user": user,
        "verify_url": "" if user.is_email_verified else accounts.verification_link(user),
        "verify_first": accounts.is_verification_mandatory(),
    }
    send("welcome", to=user.email, key=f"welcome:{user.public_id}", context=context)


def verification_requested(payload: Payload) -> None:
    user = User.objects.get(public_id=payload["user_id"])
    if not user.is_email_verified:
        context = {"user": user, "verify_url": accounts.verification_link(user)}
        send("verify_email", to=user.email, key=f"verify_email:{payload['request']}", context=context)


def already_registered(payload: Payload) -> None:
    """Who signed up with a known address was not told: its owner is, at most once an hour."""
    user = User.objects.filter(email=payload["email"]).first()
    if user is None:
        return
    context = {
        "user": user,
        "login_url": absolute(reverse("accounts:login")),
        "reset_url": absolute(reverse("accounts:password_reset")),
    }
    send("account_exists", to=user.email, key=f"account_exists:{payload['request']}", context=context)


def password_reset(payload: Payload) -> None:
    user = User.objects.get(public_id=payload["user_id"])
    reset_url = accounts.password_reset_link(user)
    # The link is a credential: it must not lie in the log.
    key = f"password_reset:{user.public_id}:{digest(reset_url)}"
    send("password_reset", to=user.email, key=key, context={"user": user, "reset_url": reset_url})


def email_changed(payload: Payload) -> None:
    """The old address hears of it: the change may not have been its owner's."""
    user = User.objects.get(public_id=payload["user_id"])
    for address in {payload["old_email"], user.email}:
        key = digest(f"{payload['old_email']} {user.email} {address}")
        context = {"user": user, "old_email": payload["old_email"]}
        send("email_changed", to=address, key=f"email_changed:{user.public_id}:{key}", context=context)


SECOND_FACTOR_CHANGES = {
    "app_added": "An authenticator app was set up as the second step of your sign-in.",
    "app_removed": "The authenticator app was removed from the second step of your sign-in.",
    "passkey_added": "A passkey was added to your account. It signs in without your password.",
    "passkey_removed": "A passkey was removed from your account.",
    "codes_renewed": "New recovery codes were made for your account. The old ones no longer work.",
    "recovery_code_used": "Somebody signed in to your account, or confirmed a change, with one of its recovery codes.",
    "set_up_by_nobody_known": "The second step of your sign-in was taken away with the old password: it was set up "
    "before this address was confirmed, perhaps by somebody else.",
    "reset": "The second step of your sign-in was taken away by our staff. Your password alone opens your account now.",
}


def second_factor_changed(payload: Payload) -> None:
    user = User.objects.get(public_id=payload["user_id"])
    key = f"second_factor_changed:{user.public_id}:{payload['what']}:{payload['at']}"
    context = {
        "title": "Your sign-in was changed",
        "text": SECOND_FACTOR_CHANGES[payload["what"]],
        "security_url": absolute(reverse("accounts:security")),
    }
    send("second_factor_changed", to=user.email, key=key, context=context)


def user_erased(payload: Payload) -> None:
    """The last mail, to the address that the account no longer has; the log forgets it at once."""
    user = User.objects.get(public_id=payload["user_id"])
    key = f"erased:{user.public_id}"
    send("erased", to=payload["old_email"], key=key, context={"keep_years": settings.SHOP_KEEP_ORDER_DATA_YEARS})
    MailLog.objects.filter(key=key).update(recipient=user.email)


def find_order(payload: Payload) -> Order:
    return Order.objects.with_details().get(public_id=payload["order_id"])


def to_buyer(order: Order, template: str, *, suffix: str = "", **context: Any) -> None:
    order_url = absolute(f"{order.get_absolute_url()}?token={order.access_token}")
    key = f"{template}:{order.public_id}{suffix}"
    send(
        template,
        to=order.email,
        key=key,
        context={"order": order, "order_url": order_url, "track_url": absolute(reverse("orders:track")), **context},
        order=order,
        number=order.number,
    )


def parcel_left(payload: Payload, template: str) -> None:
    """One mail for each parcel, which names what is in it."""
    order = find_order(payload)
    # Of a release that knew one parcel: its event names none.
    named = payload.get("shipment_id", "")
    parcels = [each for each in sent(order) if each.public_id == named] or sent(order)[-1:]
    to_buyer(order, for_pickup(order, template), suffix=f":{named}" if named else "", parcels=parcels)


def parcels_arrived(payload: Payload, template: str) -> None:
    order, named = find_order(payload), payload.get("shipment_ids", [])
    parcels = [each for each in arrived(order) if each.public_id in named] or arrived(order)
    to_buyer(order, for_pickup(order, template), suffix=f":{named[0]}" if named else "", parcels=parcels)


def sent(order: Order) -> list[Shipment]:
    return [parcel for parcel in order.shipments.all() if not parcel.is_waiting]


def arrived(order: Order) -> list[Shipment]:
    return [parcel for parcel in order.shipments.all() if parcel.status == Shipment.Status.DELIVERED]


def for_pickup(order: Order, template: str) -> str:
    """Who collects gets no parcel: another mail says that it is ready, or that it was taken along."""
    return PICKUP_MAILS.get(template, template) if order.pickup_address else template


def find_return(payload: Payload) -> Return:
    found = Return.objects.select_related("order").prefetch_related("lines__order_line")
    return found.get(public_id=payload["return_id"])


def about_return(payload: Payload, template: str, **context: Any) -> None:
    made = find_return(payload)
    to_buyer(find_order(payload), template, suffix=f":{made.public_id}", **{"return": made}, **context)


def last_refund(order: Order) -> int | None:
    """In minor units; None when nothing has gone back."""
    made = Refund.objects.filter(payment__order=order, status=Refund.Status.SUCCEEDED).order_by("-id").first()
    return made.amount_minor if made else None


def bank_account(order: Order) -> list[str]:
    is_transfer = order.payment_method == Order.PaymentMethod.INVOICE
    lines: list[str] = settings.SHOP_BANK_ACCOUNT
    return lines if is_transfer else []


def absolute(path: str) -> str:
    """Links come from a setting: the Host header is the visitor's to write."""
    return f"{settings.SHOP_BASE_URL}{path}"


TOPICS = {
    "order.placed": order_placed,
    "order.payment_method": order_placed,
    "order.confirmed": order_placed,
    "order.paid": order_paid,
    "order.shipped": order_shipped,
    "order.partly_shipped": order_partly_shipped,
    "order.parcel_replaced": order_parcel_replaced,
    "order.delivered": order_delivered,
    "order.partly_delivered": order_partly_delivered,
    "order.cancelled": order_cancelled,
    "order.refunded": order_refunded,
    "order.mail_requested": order_mail_requested,
    "return.requested": return_requested,
    "return.approved": return_approved,
    "return.rejected": return_rejected,
    "payment.failed": payment_failed,
    "payment.mismatch": payment_mismatch,
    "stock.low": stock_low,
    "stock.shortfall": stock_shortfall,
    "user.created": user_created,
    "user.verification_requested": verification_requested,
    "user.already_registered": already_registered,
    "user.email_changed": email_changed,
    "user.second_factor_changed": second_factor_changed,
    "user.erased": user_erased,
    "password_reset.requested": password_reset,
    "webhook.disabled": webhook_disabled,
}
