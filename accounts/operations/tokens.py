from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from ..errors import InsufficientScope, TooManyTokens
from ..models import ApiToken, User
from ..scopes import EVERYTHING, beyond
from .rules import lock
from .second_factor import check_staff_has_second_factor

MAX_TOKENS = 50
HINT_LENGTH = 10
# Clients change over to the new secret while the old one still works.
ROTATION_GRACE = timedelta(hours=24)


def issue_token(
    user: User, name: str, now: datetime, days: int = 30, scopes: Sequence[str] = (EVERYTHING,)
) -> tuple[ApiToken, str]:
    """A new bearer token and its secret, which is shown this once and never again. Locks: nothing."""
    secret = ApiToken.new_secret()
    token = ApiToken(
        user=user,
        name=name,
        digest=ApiToken.digest_of(secret),
        hint=secret[:HINT_LENGTH],
        scopes=sorted(set(scopes)),
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    token.save()
    return token, secret


@transaction.atomic
def create_token(
    user: User, *, name: str, scopes: Sequence[str], days: int, granted: Iterable[str], now: datetime
) -> tuple[ApiToken, str]:
    """A token that its person asked for. `granted` is what the request itself may do: a token begets no greater one.

    Raises InsufficientScope, TooManyTokens, MfaEnrolmentRequired. Locks: the user.
    """
    _check_may_pass_on(scopes, granted)
    check_staff_has_second_factor(user)
    lock(user)
    if user.api_tokens.usable(now).exclude(name=ApiToken.SIGN_IN).count() >= MAX_TOKENS:
        raise TooManyTokens
    return issue_token(user, name, now, days, scopes)


@transaction.atomic
def rotate_token(token: ApiToken, *, granted: Iterable[str], now: datetime) -> tuple[ApiToken, str]:
    """A new secret for the same purpose and as many days; the old one ends within 24 hours.

    Raises InsufficientScope where the secret would open more than the request may do itself, TooManyTokens,
    MfaEnrolmentRequired. Locks: the user.
    """
    days = (token.expires_at - token.created_at).days
    successor, secret = create_token(
        token.user, name=token.name, scopes=token.scopes, days=max(1, days), granted=granted, now=now
    )
    ends_at = now + ROTATION_GRACE
    ApiToken.objects.filter(pk=token.pk, expires_at__gt=ends_at).update(expires_at=ends_at)
    return successor, secret


def end_token(token: ApiToken) -> None:
    """Ends the token at once; a second time changes nothing. Locks: nothing."""
    ApiToken.objects.filter(pk=token.pk).delete()


def revoke_token(secret: str) -> None:
    """Ends the token with this secret; a second time changes nothing. Locks: nothing."""
    ApiToken.objects.filter(digest=ApiToken.digest_of(secret)).delete()


def mark_token_used(token: ApiToken, *, before: datetime, now: datetime) -> None:
    """Writes down the use, unless one after `before` is written down already. Locks: the token's row."""
    ApiToken.objects.filter(Q(last_used_at=None) | Q(last_used_at__lt=before), pk=token.pk).update(last_used_at=now)


def forget_expired_tokens(now: datetime) -> int:
    """Deletes the tokens that are over; returns how many. Locks: nothing."""
    return ApiToken.objects.filter(expires_at__lte=now).delete()[0]


def _check_may_pass_on(scopes: Iterable[str], granted: Iterable[str]) -> None:
    if missing := beyond(scopes, granted):
        raise InsufficientScope(missing[0])
