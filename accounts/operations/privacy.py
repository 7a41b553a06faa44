from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import transaction

from shop import privacy, rate_limits

from ..errors import EraseRefused
from ..models import User


def export_account(user: User) -> Iterator[tuple[str, Any]]:
    """Name and data of every part of what the shop knows of the person. Raises RateLimited. Locks: nothing."""
    rate_limits.check("export", user.public_id)
    return privacy.export(user)


def erase_account(user: User, *, now: datetime) -> None:
    """Forgets the person for good, except for the copy of their orders that the books must keep.

    The caller has proved who asks. Raises EraseRefused with the reason; then nothing has changed. Locks: see the parts.
    """
    if is_last_administrator(user):
        raise EraseRefused("You are the last administrator. Make somebody else one first.")
    with transaction.atomic():
        if objections := privacy.erase(user, now):
            raise EraseRefused(" ".join(objections))


def is_last_administrator(user: User) -> bool:
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
    return user.is_superuser and not others.exists()
