from datetime import datetime

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.encoding import force_bytes, force_str
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from shop import rate_limits
from shop.outbox import publish

from ..errors import ResetLinkDead
from ..models import User
from .rules import check_current_password, check_password_rules, lock
from .second_factor import reset_second_factor
from .sessions import end_sessions
from .verification import mark_verified


def change_password(user: User, *, current_password: str, password: str) -> User:
    """Sets a new password and ends every session and token; the caller renews the session it wants to keep.

    Raises InvalidInput (`currentPassword`, `password`), RateLimited. Locks: the user.
    """
    check_current_password(user, current_password)
    check_password_rules(password, user)
    return set_password(user, password)


@transaction.atomic
def set_password(user: User, password: str | None) -> User:
    """Sets the password (None: no password signs in) and ends every session and token.

    A session that is not remembered ends too: each carries a hash of the password it was made under. Locks: the user.
    """
    user = lock(user)
    user.set_password(password)
    user.save(update_fields=["password", "updated_at"])
    user.api_tokens.all().delete()
    end_sessions(user)
    return user


def start_password_reset(email: str, *, request_address: str, now: datetime) -> None:
    """Records `password_reset.requested` if the address has an open account; the caller does not learn whether it has.

    At most one a minute for each account. Raises RateLimited. Locks: nothing.
    """
    rate_limits.check("register", request_address)
    user = User.objects.filter(email=User.normalize_username(email), is_active=True).first()
    if user:
        with transaction.atomic():
            publish(
                "password_reset.requested",
                key=f"password_reset.requested:{user.public_id}:{now:%Y%m%d%H%M}",
                payload={"user_id": user.public_id},
            )


def password_reset_link(user: User) -> str:
    """An address that sets a new password once, within `PASSWORD_RESET_TIMEOUT` seconds.

    It dies with the next sign-in and with a change of password or email. Built from a setting: the Host header is the
    asker's to write.
    """
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    token = default_token_generator.make_token(user)
    return settings.SHOP_BASE_URL + reverse("accounts:password_reset_confirm", args=[uid, token])


def is_reset_link_alive(uid: str, token: str) -> bool:
    return _owner_of_reset_link(uid, token, among=User.objects.all()) is not None


@transaction.atomic
def finish_password_reset(uid: str, token: str, password: str, *, now: datetime) -> User:
    """Sets the password, once, and ends every session and token. Raises ResetLinkDead, InvalidInput (`password`).

    Who has the link reads the account's mail, and nobody else knows the new password: the address is verified by it.
    What a customer's account had for a second step before that goes: whoever signed up with an address of others would
    keep its owner out by an app, and come in again by a passkey. Staff accounts were made for their owners.
    Locks: the user, before the link is checked, so that of two tries at once one finds it used.
    """
    user = _owner_of_reset_link(uid, token, among=User.objects.select_for_update(no_key=True))
    if user is None:
        raise ResetLinkDead
    check_password_rules(password, user)
    user = set_password(user, password)
    if not (user.is_email_verified or user.is_staff or user.is_superuser):
        reset_second_factor(user, why="set_up_by_nobody_known", now=now)
    mark_verified(user, now)
    return user


def _owner_of_reset_link(uid: str, token: str, *, among: QuerySet[User]) -> User | None:
    try:
        pk = int(force_str(urlsafe_base64_decode(uid)))
    except ValueError:
        return None
    # A number that no bigint holds would be an error of the database.
    if not 0 < pk < 2**63:
        return None
    user = among.filter(pk=pk, is_active=True).first()
    return user if user and default_token_generator.check_token(user, token) else None
