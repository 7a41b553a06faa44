"""Mails, each sent once by its key. A crash between sending and marking may repeat one, with the same Message-ID."""

import hashlib
from datetime import datetime
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from orders import operations as orders
from orders.models import Order
from shop import failpoints, outbox
from shop.ids import new_id

from .errors import MailNotEarned
from .models import MailLog
from .queries import earned

MAX_SUBJECT = 200
# How the addresses end that stand in erased accounts and in orders that are no longer anybody's.
FORGOTTEN = "@invalid"
SUBJECTS = {
    "placed": "Your order {number}",
    "paid": "Order {number} is paid",
    "shipped": "Order {number} is on its way",
    "part_shipped": "A part of order {number} is on its way",
    "parcel_replaced": "Order {number}: a new parcel is on its way",
    "ready_to_collect": "Order {number} is ready to collect",
    "delivered": "Order {number} has arrived",
    "part_delivered": "A part of order {number} has arrived",
    "collected": "You have collected order {number}",
    "return_requested": "A return of order {number} waits for your answer",
    "return_approved": "Send it back: your return of order {number}",
    "return_rejected": "Your return of order {number}",
    "cancelled": "Order {number} is cancelled",
    "refunded": "Refund for order {number}",
    "payment_failed": "Order {number} is not paid yet",
    "low_stock": "Stock runs low: {first}",
    "shortfall": "Promised units of {sku} are missing",
    "payment_mismatch": "Look at the payment of order {number}",
    "webhook_disabled": "Webhooks to {url} are switched off",
    "password_reset": "Choose a new password",
    "email_changed": "Your e-mail address was changed",
    "verify_email": "Confirm your email address",
    "account_exists": "You already have an account",
    "welcome": "Welcome to {shop}",
    "second_factor_changed": "Your sign-in was changed",
    "erased": "Your account is erased",
}


def send(
    template: str, *, to: str, key: str, context: dict[str, Any], order: Order | None = None, **names: str
) -> None:
    """Renders `mail/<template>.txt` and `.html` and sends them, unless `key` has been sent. Raises what SMTP raises.

    Whom the shop has forgotten while the event waited gets none: a mail server would refuse the address for ever.
    """
    if to.endswith(FORGOTTEN):
        return
    shop = settings.SHOP_NAME
    subject = " ".join(SUBJECTS[template].format(shop=shop, **names).split())[:MAX_SUBJECT]
    entry, _ = MailLog.objects.get_or_create(
        key=key, defaults={"template": template, "recipient": to, "subject": subject, "order": order}
    )
    if entry.sent_at:
        return
    context = {"shop_name": shop, "shop_url": settings.SHOP_BASE_URL, **context}
    mail = EmailMultiAlternatives(
        subject=subject,
        body=render_to_string(f"mail/{template}.txt", context),
        to=[to],
        headers={"Message-ID": message_id(key)},
    )
    mail.attach_alternative(render_to_string(f"mail/{template}.html", context), "text/html")
    mail.send()
    failpoints.reach("mail.sent")
    entry.sent_at = timezone.now()
    entry.save(update_fields=["sent_at"])


@transaction.atomic
def resend(order: Order, mail: str, *, actor: str, now: datetime) -> None:
    """Sends a mail about the order once more, as a mail of its own, and writes down who asked for it.

    Raises MailNotEarned for one that is not true of the order now.
    """
    allowed = earned(order)
    if mail not in allowed:
        raise MailNotEarned(allowed)
    orders.note_mail(order, mail, actor=actor, now=now)
    request_id = new_id("mail")
    outbox.publish(
        "order.mail_requested",
        key=f"order.mail_requested:{request_id}",
        payload={"order_id": order.public_id, "mail": mail, "request_id": request_id},
    )


def message_id(key: str) -> str:
    sender = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    host = sender.rpartition("@")[2] or urlsplit(settings.SHOP_BASE_URL).hostname
    return f"<{digest(key)}@{host}>"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
