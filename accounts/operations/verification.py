"""Whether an e-mail address is its account's own: a link in a mail, signed, for one address, once, for three days."""

from datetime import datetime, timedelta

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.crypto import constant_time_compare

from shop import rate_limits
from shop.errors import InvalidInput
from shop.outbox import publish

from ..errors import EmailNotVerified, VerificationLinkDead
from ..models import User, email_nonce
from .rules import fingerprint

LIFETIME = timedelta(days=3)
SALT = "accounts.verify_email"
# One mail to an account in so many seconds, however often the link is asked for.
RESEND_SECONDS = 300


def is_verification_mandatory() -> bool:
    return bool(settings.SHOP_VERIFY_EMAIL == "mandatory")


def check_email_verified(user: User) -> None:
    """At the end of every way to sign in. Raises EmailNotVerified."""
    if is_verification_mandatory() and not user.is_email_verified:
        raise EmailNotVerified


def verification_link(user: User) -> str:
    """Built from a setting: the Host header is the asker's to write."""
    secret = signing.dumps([user.public_id, user.email_nonce], salt=SALT)
    return settings.SHOP_BASE_URL + reverse("accounts:verify_email", args=[secret])


def owner_of_verification_link(secret: str) -> User | None:
    return _owner(secret, among=User.objects.all())


def start_verification(email: str, *, request_address: str, now: datetime) -> None:
    """Has the link sent again if the address waits for it; the caller does not learn whether it does.

    Raises RateLimited. Locks: nothing.
    """
    rate_limits.check("register", request_address)
    email = User.normalize_username(email)
    user = User.objects.filter(email=email, email_verified_at=None, is_active=True).first()
    if user:
        with transaction.atomic():
            ask_for_verification(user, now)


def verify_email(secret: str, *, password: str = "", asked_by: User | None = None, now: datetime) -> User:
    """Believes the address of whoever has the link and is signed in, or knows the password.

    The link alone is not enough: somebody could sign up with a stranger's address, and a stranger who follows the link
    would hand over their earlier orders. Raises VerificationLinkDead, InvalidInput (`password`), RateLimited.
    Locks: the user, so that of two tries at once one finds the link used.
    """
    user = owner_of_verification_link(secret)
    if user is None:
        raise VerificationLinkDead
    if asked_by is None or asked_by.pk != user.pk:
        rate_limits.check("sign_in", user.public_id)
        if not user.check_password(password):
            raise InvalidInput(fields={"password": ["The password is wrong."]})
    with transaction.atomic():
        user = _owner(secret, among=User.objects.select_for_update(no_key=True))
        if user is None:
            raise VerificationLinkDead
        mark_verified(user, now)
    return user


def mark_verified(user: User, now: datetime) -> None:
    """Records that mail to the address reaches its account's owner. The caller has locked the user."""
    user.email_nonce = email_nonce()
    if user.email_verified_at is None:
        user.email_verified_at = now
        publish(
            "user.email_verified",
            key=f"user.email_verified:{user.public_id}:{fingerprint(user.email_nonce)}",
            payload={"user_id": user.public_id},
        )
    user.save(update_fields=["email_nonce", "email_verified_at", "updated_at"])


def forget_verification(user: User, now: datetime) -> None:
    """For a new address: sets what the caller saves, and has the link sent there."""
    user.email_verified_at = None
    user.email_nonce = email_nonce()
    ask_for_verification(user, now)


def ask_for_verification(user: User, now: datetime) -> None:
    slot = int(now.timestamp()) // RESEND_SECONDS
    name = f"{user.public_id}:{fingerprint(user.email_nonce)}:{slot}"
    publish(
        "user.verification_requested",
        key=f"user.verification_requested:{name}",
        payload={"user_id": user.public_id, "request": name},
    )


def _owner(secret: str, *, among: QuerySet[User]) -> User | None:
    try:
        public_id, nonce = signing.loads(secret, salt=SALT, max_age=LIFETIME)
    except signing.BadSignature:
        return None
    user = among.filter(public_id=public_id, is_active=True).first()
    return user if user and constant_time_compare(user.email_nonce, nonce) else None
