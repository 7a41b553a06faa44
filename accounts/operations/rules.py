"""What every verb of accounts holds its input to."""

import hashlib

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from shop import rate_limits
from shop.errors import InvalidInput, Unauthenticated

from ..errors import EmailTaken
from ..models import User
from ..schemas import clean_email


def valid_email(email: str) -> str:
    try:
        return clean_email(email)
    except ValueError as error:
        raise InvalidInput(fields={"email": [str(error)]}) from error


def save_or_email_taken(user: User) -> None:
    """The unique index decides: a check before it would let two sign-ups at once both pass."""
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        raise EmailTaken(fields={"email": [EmailTaken.text]}) from error


def lock(user: User) -> User:
    """The account as it is now, for a change that must be in a transaction.

    Raises Unauthenticated if it was erased since the request began: else what comes too late would stay for ever.
    """
    locked = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if locked.erased_at:
        raise Unauthenticated
    return locked


def check_password_rules(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(fields={"password": error.messages}) from error


def check_current_password(user: User, password: str) -> None:
    """Throttled like a sign-in: a borrowed session must not be a place to guess the password."""
    rate_limits.check("sign_in", user.public_id)
    if not user.check_password(password):
        raise InvalidInput(fields={"currentPassword": ["The current password is wrong."]})


def fingerprint(text: str) -> str:
    """Keeps addresses out of Redis keys and gives them one length."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
