"""The browsers in which a person is signed in: what is remembered of each, and how each is ended."""

import ipaddress
from datetime import datetime, timedelta

from django.contrib.sessions.backends.cached_db import SessionStore
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import transaction
from django.db.models import Exists, OuterRef

from ..models import BrowserSession, User

PRECISION = timedelta(minutes=5)
MAX_USER_AGENT = 300


def remember_session(user: User, *, session_key: str, user_agent: str, address: str, now: datetime) -> None:
    """Writes down that a browser is signed in and was seen. Locks: nothing."""
    seen = BrowserSession.objects.filter(session_id=session_key, user=user)
    if not seen.update(last_seen_at=now):
        BrowserSession.objects.update_or_create(
            session_id=session_key,
            defaults={
                "user": user,
                "user_agent": user_agent.replace("\x00", "")[:MAX_USER_AGENT],
                "address": network_of(address),
                "created_at": now,
                "last_seen_at": now,
            },
        )


def end_session(session: BrowserSession) -> None:
    """Signs that browser out, at once. Locks: nothing."""
    _end([session.session_id])


def end_sessions(user: User, *, keep: str = "") -> int:
    """Signs the person out everywhere but in the session whose key is `keep`; returns how many. Locks: nothing."""
    keys = list(user.browser_sessions.exclude(session_id=keep).values_list("session_id", flat=True))
    _end(keys)
    return len(keys)


def forget_lost_sessions() -> int:
    """Deletes what is remembered of sessions that are gone without it; returns how many. Locks: nothing."""
    session = Session.objects.filter(pk=OuterRef("session_id"))
    return BrowserSession.objects.filter(~Exists(session)).delete()[0]


@transaction.atomic
def _end(keys: list[str]) -> None:
    """The rows go with what is remembered of them; the cache after the commit, or a reader would fill it again."""
    BrowserSession.objects.filter(session_id__in=keys).delete()
    Session.objects.filter(pk__in=keys).delete()
    prefix = SessionStore.cache_key_prefix
    transaction.on_commit(lambda: cache.delete_many([prefix + key for key in keys]))


def network_of(address: str) -> str:
    """An address in its rough form: enough to tell home from abroad, too little to find a house."""
    try:
        network = ipaddress.ip_network(address, strict=False)
    except ValueError:
        return ""
    if isinstance(network, ipaddress.IPv6Network):
        return str(network.supernet(new_prefix=48) if network.prefixlen > 48 else network)
    return str(network.network_address).rpartition(".")[0] + ".x"
