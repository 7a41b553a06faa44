from typing import Any

from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest
from django.utils import timezone
from redis.exceptions import RedisError

from shop.middleware import client_address
from shop.redis import client

from . import operations
from .models import User
from .operations.rules import fingerprint
from .operations.sessions import PRECISION


def remember_browser(sender: Any, request: HttpRequest, user: Any, **_: Any) -> None:
    """A form's sign-in signs a session in; a program's has none, or somebody else's."""
    session = getattr(request, "session", None)
    if session is None or session.get(SESSION_KEY) != str(user.pk):
        return
    if not session.session_key:
        session.create()
    note_session(request, user)


def note_session(request: HttpRequest, user: Any) -> None:
    """Writes down that this browser was seen, at most once in five minutes."""
    key = request.session.session_key
    if not key or not isinstance(user, User) or seen_lately(key):
        return
    operations.remember_session(
        user,
        session_key=key,
        user_agent=request.headers.get("User-Agent", ""),
        address=client_address(request),
        now=timezone.now(),
    )


def seen_lately(session_key: str) -> bool:
    """Without Redis nobody is: then each page writes, as rarely as Redis is away."""
    try:
        return not client().set(f"seen:{fingerprint(session_key)}", 1, nx=True, ex=int(PRECISION.total_seconds()))
    except RedisError:
        return False
