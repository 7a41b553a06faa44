"""The mails' part of a copy and of an erasure."""

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from accounts.models import User
from shop.privacy import Part

from .models import MailLog


def export(user: User) -> list[dict[str, Any]]:
    return [
        {"subject": mail.subject, "recipient": mail.recipient, "createdAt": mail.created_at, "sentAt": mail.sent_at}
        for mail in mails_of(user)
    ]


def erase(user: User, now: datetime) -> None:
    """Keeps that a mail went out, which keeps it from going out twice. Mails about orders stay as long as the orders.

    Locks: nothing.
    """
    mails_of(user).filter(order=None).update(recipient=f"erased-{user.public_id}@invalid".lower())


def expire(now: datetime) -> None:
    """Where the order has forgotten its buyer, its mails do. Locks: nothing."""
    stale = MailLog.objects.filter(order__redacted_at__isnull=False).exclude(recipient__endswith="@invalid")
    stale.update(recipient="erased@invalid")


def mails_of(user: User) -> QuerySet[MailLog]:
    return MailLog.objects.filter(Q(recipient=user.email) | Q(order__user=user)).order_by("id")


PART = Part("mails", export, erase, expire=expire)
