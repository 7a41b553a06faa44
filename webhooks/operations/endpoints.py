"""Who is told: addresses, their secrets, and when the shop stops trying."""

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from shop import outbox
from shop.remote import Unreachable, checked, is_loopback, is_public

from ..errors import UnusableAddress
from ..models import TEST, Delivery, Endpoint
from ..signing import new_secret, seal

# Long enough to bring a new secret to a receiver without hurry.
OVERLAP = timedelta(hours=24)


def check_address(url: str) -> None:
    """Raises UnusableAddress for what is not https to a public host; on a development shop loopback may be http.

    A name is looked up when something is sent, each time anew: what it means today says nothing about tomorrow.
    """
    try:
        parts = checked(url)
    except Unreachable as error:
        raise UnusableAddress(error.reason) from error
    host = parts.hostname or ""
    if not url.isascii() or any(character.isspace() for character in url):
        raise UnusableAddress("Write it in ASCII, without spaces.")
    if parts.fragment:
        raise UnusableAddress("An address to send to has no #fragment.")
    if settings.SHOP_DEV_PAGES and _leads_to_loopback(host):
        return
    if parts.scheme != "https":
        raise UnusableAddress("Use https: messages hold names and addresses of buyers.")
    if _leads_to_loopback(host) or not _may_be_public(host):
        raise UnusableAddress("The address is not a public one.")


def _leads_to_loopback(host: str) -> bool:
    try:
        return is_loopback(host)
    except ValueError:
        return host.rstrip(".") == "localhost"


def _may_be_public(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return is_public(host)


def create_endpoint(*, url: str, topics: Sequence[str], description: str = "") -> tuple[Endpoint, str]:
    """Adds a receiver, switched on. Answers its secret too, which nothing shows again. Errors: UnusableAddress."""
    check_address(url)
    secret = new_secret()
    endpoint = Endpoint.objects.create(
        url=url, topics=sorted(topics), description=description, sealed_secret=seal(secret)
    )
    return endpoint, secret


@transaction.atomic
def save_endpoint(
    endpoint: Endpoint, *, url: str, topics: Sequence[str], description: str, is_enabled: bool, now: datetime
) -> Endpoint:
    """Changes what staff may change. Switched off, it loses what waits; switched on, it begins without a past.

    Errors: UnusableAddress. Locks: the endpoint.
    """
    check_address(url)
    endpoint = Endpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk)
    endpoint.url, endpoint.topics, endpoint.description = url, sorted(topics), description
    endpoint.save(update_fields=["url", "topics", "description"])
    if endpoint.is_enabled and not is_enabled:
        _switch_off(endpoint, "Switched off by staff.")
    elif is_enabled and not endpoint.is_enabled:
        endpoint.is_enabled, endpoint.disabled_reason, endpoint.failing_since = True, "", None
        endpoint.save(update_fields=["is_enabled", "disabled_reason", "failing_since"])
    return endpoint


@transaction.atomic
def rotate_secret(endpoint: Endpoint, *, now: datetime) -> str:
    """A new secret, which nothing shows again. For a day both sign, so that no message is refused meanwhile.

    Locks: the endpoint.
    """
    endpoint = Endpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk)
    secret = new_secret()
    endpoint.sealed_previous_secret, endpoint.previous_until = endpoint.sealed_secret, now + OVERLAP
    endpoint.sealed_secret = seal(secret)
    endpoint.save(update_fields=["sealed_secret", "sealed_previous_secret", "previous_until"])
    return secret


def disable(endpoint: Endpoint, *, reason: str, now: datetime) -> None:
    """The shop gives an endpoint up and tells staff by mail. Locks: the endpoint, by the caller."""
    _switch_off(endpoint, reason)
    outbox.publish(
        "webhook.disabled",
        key=f"webhook.disabled:{endpoint.public_id}:{now.isoformat()}",
        payload={
            "endpoint_id": endpoint.public_id,
            "url": endpoint.url,
            "reason": reason,
            "at": now.isoformat(),
        },
    )


def _switch_off(endpoint: Endpoint, reason: str) -> None:
    """What waits is given up too: delivered weeks later, it would tell of a world that is gone."""
    endpoint.is_enabled, endpoint.disabled_reason = False, reason
    endpoint.save(update_fields=["is_enabled", "disabled_reason"])
    waiting = Delivery.objects.filter(endpoint=endpoint, state=Delivery.State.PENDING).exclude(topic=TEST)
    waiting.filter(error="").update(error="The endpoint was switched off.")
    waiting.update(state=Delivery.State.FAILED)
