"""`Idempotency-Key`: the same request answered once, however often it is sent.

A claim is its own short transaction with a lease. Same body: the stored answer again; other body: 422; first attempt
still under way: 409 with Retry-After; a claim whose lease ran out (its process died) is taken over, and the operation
behind it must recognise its own earlier effect by the key.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta

from cryptography.fernet import InvalidToken
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from . import failpoints
from .errors import Conflict, DomainError, InvalidInput
from .models import IdempotencyKey
from .sealing import box

PURPOSE = "shop.idempotency"
# Whoever repeats a request that a dying process left waits this long. Longer than a provider's answer with every retry.
LEASE = timedelta(seconds=45)
MAX_LENGTH = 200


class KeyReused(DomainError):
    code = "idempotency_key_reused"
    status = 422
    text = "This Idempotency-Key was used with another request."


def once(request: HttpRequest, *, principal: str, action: Callable[[], HttpResponse]) -> HttpResponse:
    """Runs `action` once for (principal, Idempotency-Key). Without a key or a principal it just runs.

    Answers of 500 and above are not kept, nor is what `action` raises: the next attempt tries anew.
    """
    key = request.headers.get("Idempotency-Key", "")
    if not key or not principal:
        return action()
    if len(key) > MAX_LENGTH or not key.isprintable():
        raise InvalidInput(fields={"Idempotency-Key": [f"At most {MAX_LENGTH} printable characters."]})
    claim = _claim(principal, key, _fingerprint(request), timezone.now())
    if claim.status is not None:
        response = HttpResponse(_unsealed(claim.body), status=claim.status, content_type="application/json")
        response["Idempotent-Replayed"] = "true"
        return response
    # Who outlived the lease finds the claim with another one, and leaves it to whoever took it over.
    ours = IdempotencyKey.objects.filter(pk=claim.pk, lease_until=claim.lease_until)
    try:
        response = action()
    except BaseException as error:
        if isinstance(error, OperationalError | InterfaceError):
            # On a connection that broke nothing can be deleted, and who tries again would be told to wait for nobody.
            connection.close()
        ours.delete()
        raise
    failpoints.reach("idempotency.before_kept")
    if response.status_code >= 500:
        ours.delete()
    else:
        ours.update(status=response.status_code, body=box(PURPOSE).encrypt(response.content))
    failpoints.reach("idempotency.kept")
    return response


def _unsealed(body: bytes | memoryview | None) -> bytes:
    """Answers carry tokens, of which the database otherwise keeps hashes alone."""
    try:
        return box(PURPOSE).decrypt(bytes(body or b""))
    except InvalidToken:
        raise Conflict("The first answer to this key can't be read any more.", code="answer_lost") from None


def forget(*, before: datetime) -> None:
    IdempotencyKey.objects.filter(created_at__lt=before).delete()


def _fingerprint(request: HttpRequest) -> str:
    # `path_info`: the same endpoint, also by its other address.
    target = f"{request.path_info}?{request.META.get('QUERY_STRING', '')}"
    parts = (request.method or "", target, request.body.decode("utf-8", "surrogateescape"))
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def _claim(principal: str, key: str, fingerprint: str, now: datetime) -> IdempotencyKey:
    """Writes first and looks only where somebody was there before: most keys are new."""
    try:
        with transaction.atomic():
            return IdempotencyKey.objects.create(
                principal=principal, key=key, fingerprint=fingerprint, lease_until=now + LEASE
            )
    except IntegrityError:
        return _claimed_before(principal, key, fingerprint, now) or _claim(principal, key, fingerprint, now)


@transaction.atomic
def _claimed_before(principal: str, key: str, fingerprint: str, now: datetime) -> IdempotencyKey | None:
    """None when the first attempt has failed and let go of the key since."""
    claim = IdempotencyKey.objects.select_for_update().filter(principal=principal, key=key).first()
    if claim is None:
        return None
    if claim.fingerprint != fingerprint:
        raise KeyReused
    if claim.status is None:
        if claim.lease_until > now:
            raise Conflict(
                "The first request with this key is still under way.", code="in_flight", headers={"Retry-After": "2"}
            )
        claim.lease_until = now + LEASE
        claim.save(update_fields=["lease_until"])
    return claim
