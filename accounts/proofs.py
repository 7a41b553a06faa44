"""What a session has proved, and a sign-in that is half done.

A person whose password was right but whose second factor is missing is not signed in: their session only remembers,
for five minutes, who may come to the second step.
"""

from datetime import datetime, timedelta
from typing import Any

from django.contrib import auth
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from . import passkeys
from .models import User

HALF_DONE = "half_done_sign_in"
SHOWN = "second_factor_shown"
CONFIRMED = "confirmed_at"
ASKED = "passkey_asked"
HALF_DONE_FOR = timedelta(minutes=5)
CONFIRMED_FOR = timedelta(minutes=10)


def begin_second_step(request: HttpRequest, user: User, *, target: str, now: datetime) -> None:
    half = {"user": user.pk, "hash": user.get_session_auth_hash(), "until": (now + HALF_DONE_FOR).timestamp()}
    request.session[HALF_DONE] = half | {"target": target}


def half_signed_in(request: HttpRequest, now: datetime) -> tuple[User, str] | None:
    """Who may come to the second step and where they wanted to go. A new password in between ends it."""
    half: dict[str, Any] = request.session.get(HALF_DONE) or {}
    if not half or half["until"] < now.timestamp():
        return None
    user = User.objects.filter(pk=half["user"], is_active=True).first()
    if user is None or not constant_time_compare(half["hash"], user.get_session_auth_hash()):
        return None
    return user, half["target"]


def sign_in(
    request: HttpRequest, user: User, *, by_password_at: datetime | None = None, with_second_factor: bool = False
) -> None:
    """Signs the session in under a new key, as `django.contrib.auth` does.

    Who gave their password just now, and their second factor if they have one, has confirmed who they are: asked
    again at once, they could not answer, as the same code of an app is not taken twice.
    """
    request.session.pop(HALF_DONE, None)
    auth.login(request, user)
    if by_password_at is not None:
        confirm(request, now=by_password_at)
    if with_second_factor:
        request.session[SHOWN] = True


def note_second_factor(request: HttpRequest) -> None:
    request.session[SHOWN] = True


def has_shown_second_factor(request: HttpRequest) -> bool:
    return bool(request.session.get(SHOWN))


def confirm(request: HttpRequest, *, now: datetime) -> None:
    request.session[CONFIRMED] = now.timestamp()


def is_confirmed(request: HttpRequest, now: datetime) -> bool:
    """Whether the person has shown their password, and second factor, within the last minutes."""
    return bool(request.session.get(CONFIRMED, 0) > (now - CONFIRMED_FOR).timestamp())


def keep_question(request: HttpRequest, state: passkeys.State) -> None:
    request.session[ASKED] = state


def take_question(request: HttpRequest) -> passkeys.State:
    """The challenge that was put to the browser, once: an answer can't be sent again."""
    state: passkeys.State = request.session.pop(ASKED, {})
    return state
