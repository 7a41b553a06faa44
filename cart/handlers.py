from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User

from . import operations, store
from .queries import SESSION_KEY


def merge_at_sign_in(sender: Any, request: HttpRequest, user: AbstractBaseUser, **_: Any) -> None:
    """Both doors, form and API, send `user_logged_in`; the API may name the guest's cart in `request.cart_id`."""
    session = getattr(request, "session", {})
    public_id = getattr(request, "cart_id", None) or session.get(SESSION_KEY)
    guest = store.read(public_id) if public_id else None
    if guest and guest.user_id is None and isinstance(user, User):
        operations.merge(guest, user, now=timezone.now())
    if SESSION_KEY in session:
        del session[SESSION_KEY]
