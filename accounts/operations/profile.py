from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import zip_longest

from django.db import transaction

from shop.errors import Forbidden
from shop.outbox import publish

from ..errors import TooManyAddresses
from ..models import Address, User
from ..schemas import MAX_ADDRESSES, AddressBody
from .rules import check_current_password, fingerprint, lock, save_or_email_taken, valid_email
from .verification import forget_verification


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
    now: datetime,
) -> User:
    """Changes what is named. A new email needs the password of whoever asks, is told to the old address and is not
    verified until the link that is sent to it is followed.

    Raises EmailTaken, InvalidInput (`email`, `currentPassword`), Forbidden for staff who would change other staff,
    RateLimited. Locks: the user.
    """
    _check_rank(user, asked_by)
    user = lock(user)
    named = {"first_name": first_name, "last_name": last_name, "phone": phone}
    for name, value in named.items():
        if value is not None:
            setattr(user, name, value)
    if email is not None and (new_email := valid_email(email)) != user.email:
        check_current_password(asked_by, current_password)
        _change_email(user, new_email, now)
    save_or_email_taken(user)
    if addresses is not None:
        _replace_addresses(user, addresses)
    return user


def _check_rank(user: User, asked_by: User) -> None:
    """Whoever may set an administrator's email can take over the account with a password reset."""
    if user.pk != asked_by.pk and (user.is_staff or user.is_superuser) and not asked_by.is_superuser:
        raise Forbidden


def _change_email(user: User, email: str, now: datetime) -> None:
    publish(
        "user.email_changed",
        key=f"user.email_changed:{user.public_id}:{fingerprint(f'{user.email} {email} {user.updated_at}')}",
        payload={"user_id": user.public_id, "old_email": user.email},
    )
    user.email = email
    forget_verification(user, now)


@transaction.atomic
def save_address(user: User, body: AddressBody, address: Address | None = None) -> Address:
    """Adds an entry to the address book, or overwrites `address`. Raises TooManyAddresses. Locks: the user."""
    lock(user)
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
