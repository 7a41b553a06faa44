import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import zip_longest

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.signals import user_logged_in
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.encoding import force_bytes, force_str
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from shop import rate_limits
from shop.errors import Forbidden, InvalidInput
from shop.middleware import client_address
from shop.outbox import publish

from .errors import EmailTaken, ResetLinkDead, TooManyAddresses, WrongCredentials
from .models import Address, ApiToken, User
from .schemas import MAX_ADDRESSES, AddressBody, clean_email

# --- Signing up and in


def register(
    email: str, password: str, first_name: str = "", last_name: str = "", phone: str = "", *, request_address: str
) -> User:
    """Makes an account and records `user.created`.

    Raises EmailTaken, InvalidInput (`email`, `password`), RateLimited. Locks: nothing.
    """
    rate_limits.check("register", request_address)
    user = User(email=_valid_email(email), first_name=first_name, last_name=last_name, phone=phone)
    _check_password_rules(password, user)
    user.set_password(password)
    with transaction.atomic():
        _save_or_email_taken(user)
        publish("user.created", key=f"user.created:{user.public_id}", payload={"user_id": user.public_id})
    return user


def authenticate(request: HttpRequest, email: str, password: str) -> User:
    """The account behind email and password: the one door of form, admin and API.

    Raises WrongCredentials, after the same work for an unknown address, a wrong password and a closed account;
    RateLimited by network address and by network address with email, so that nobody can lock out somebody else.
    Locks: nothing.
    """
    address = client_address(request)
    rate_limits.check("sign_in_address", address)
    rate_limits.check("sign_in", f"{address}:{_fingerprint(User.normalize_username(email))}")
    user = auth.authenticate(request, username=email, password=password)
    if not isinstance(user, User):
        raise WrongCredentials
    return user


@transaction.atomic
def sign_in_with_token(request: HttpRequest, user: User, *, now: datetime) -> tuple[ApiToken, str]:
    """Signs in a client that keeps no cookies: a token, and the same `user_logged_in` that a form's sign-in sends.

    Locks: what the signal's receivers lock.
    """
    token, secret = issue_token(user, "sign-in", now)
    user_logged_in.send(sender=User, request=request, user=user)
    return token, secret


def issue_token(user: User, name: str, now: datetime, days: int = 30) -> tuple[ApiToken, str]:
    """A new bearer token and its secret, which is shown this once and never again. Locks: nothing."""
    secret = ApiToken.new_secret()
    token = ApiToken(user=user, name=name, digest=ApiToken.digest_of(secret), expires_at=now + timedelta(days=days))
    token.save()
    return token, secret


def revoke_token(secret: str) -> None:
    """Ends the token with this secret; a second time changes nothing. Locks: nothing."""
    ApiToken.objects.filter(digest=ApiToken.digest_of(secret)).delete()


# --- Profile


@transaction.atomic
def update_profile(
    user: User,
    *,
    asked_by: User,
    email: str | None = None,
    first_name: str | None = None,
    last_name: str | None = None,
    phone: str | None = None,
    addresses: Sequence[AddressBody] | None = None,
    current_password: str = "",
) -> User:
    """Changes what is named. A new email needs the password of whoever asks, and is told to the old address.

    Raises EmailTaken, InvalidInput (`email`, `currentPassword`), Forbidden for staff who would change other staff,
    RateLimited. Locks: the user.
    """
    _check_rank(user, asked_by)
    user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    named = {"first_name": first_name, "last_name": last_name, "phone": phone}
    for name, value in named.items():
        if value is not None:
            setattr(user, name, value)
    if email is not None and (new_email := _valid_email(email)) != user.email:
        _check_current_password(asked_by, current_password)
        _change_email(user, new_email)
    _save_or_email_taken(user)
    if addresses is not None:
        _replace_addresses(user, addresses)
    return user


def _check_rank(user: User, asked_by: User) -> None:
    """Whoever may set an administrator's email can take over the account with a password reset."""
    if user.pk != asked_by.pk and (user.is_staff or user.is_superuser) and not asked_by.is_superuser:
        raise Forbidden


def _change_email(user: User, email: str) -> None:
    publish(
        "user.email_changed",
        key=f"user.email_changed:{user.public_id}:{_fingerprint(f'{user.email} {email} {user.updated_at}')}",
        payload={"user_id": user.public_id, "old_email": user.email},
    )
    user.email = email


@transaction.atomic
def save_address(user: User, body: AddressBody, address: Address | None = None) -> Address:
    """Adds an entry to the address book, or overwrites `address`. Raises TooManyAddresses. Locks: the user."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if address is None:
        if user.addresses.count() >= MAX_ADDRESSES:
            raise TooManyAddresses
        address = Address(user=user)
    _write(address, body)
    return address


def delete_address(address: Address) -> None:
    """Takes an entry out of the address book; orders keep their copies. Locks: nothing."""
    Address.objects.filter(pk=address.pk).delete()


def _replace_addresses(user: User, bodies: Iterable[AddressBody]) -> None:
    """Overwrites by position, so that sending back a read keeps every entry's id and the pages that link to it."""
    for address, body in zip_longest(list(user.addresses.all()), bodies):
        if body is None:
            delete_address(address)
        else:
            _write(address or Address(user=user), body)


def _write(address: Address, body: AddressBody) -> None:
    for name, value in body.model_dump().items():
        setattr(address, name, value)
    address.save()


# --- Passwords


def change_password(user: User, *, current_password: str, password: str) -> User:
    """Sets a new password and ends every session and token; the caller renews the session it wants to keep.

    Raises InvalidInput (`currentPassword`, `password`), RateLimited. Locks: the user.
    """
    _check_current_password(user, current_password)
    _check_password_rules(password, user)
    return set_password(user, password)


@transaction.atomic
def set_password(user: User, password: str | None) -> User:
    """Sets the password (None: no password signs in) and deletes the tokens.

    Sessions end by themselves: each carries a hash of the password it was made under. Locks: the user.
    """
    user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    user.set_password(password)
    user.save(update_fields=["password", "updated_at"])
    user.api_tokens.all().delete()
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
def finish_password_reset(uid: str, token: str, password: str) -> User:
    """Sets the password, once, and ends every session and token. Raises ResetLinkDead, InvalidInput (`password`).

    Locks: the user, before the link is checked, so that of two tries at once one finds it used.
    """
    user = _owner_of_reset_link(uid, token, among=User.objects.select_for_update(no_key=True))
    if user is None:
        raise ResetLinkDead
    _check_password_rules(password, user)
    return set_password(user, password)


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


# --- Rules


def _valid_email(email: str) -> str:
    try:
        return clean_email(email)
    except ValueError as error:
        raise InvalidInput(fields={"email": [str(error)]}) from error


def _save_or_email_taken(user: User) -> None:
    """The unique index decides: a check before it would let two sign-ups at once both pass."""
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        raise EmailTaken(fields={"email": [EmailTaken.text]}) from error


def _check_password_rules(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(fields={"password": error.messages}) from error


def _check_current_password(user: User, password: str) -> None:
    """Throttled like a sign-in: a borrowed session must not be a place to guess the password."""
    rate_limits.check("sign_in", user.public_id)
    if not user.check_password(password):
        raise InvalidInput(fields={"currentPassword": ["The current password is wrong."]})


def _fingerprint(text: str) -> str:
    """Keeps addresses out of Redis keys and gives them one length."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
