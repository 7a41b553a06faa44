"""Errors a person or a program may cause: a fixed text, a machine code, a status; never an exception's own text."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import InterfaceError, OperationalError


class DomainError(Exception):
    """`fields` names what the sender has to change; `extra` is added to the JSON answer as it is."""

    code = "error"
    status = 400
    text = "The request could not be carried out."

    def __init__(
        self,
        text: str | None = None,
        *,
        code: str | None = None,
        status: int | None = None,
        fields: Mapping[str, Sequence[str]] | None = None,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.text = text or self.text
        self.code = code or self.code
        self.status = status or self.status
        self.fields = {name: list(texts) for name, texts in (fields or {}).items()}
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})
        super().__init__(self.text)


class InvalidInput(DomainError):
    code = "invalid_input"
    text = "Some values can't be accepted."


class Unauthenticated(DomainError):
    code = "unauthenticated"
    status = 401
    text = "Sign in first."

    def __init__(self, text: str | None = None, **kwargs: Any) -> None:
        super().__init__(text, **kwargs)
        self.headers.setdefault("WWW-Authenticate", "Bearer")


class Forbidden(DomainError):
    code = "forbidden"
    status = 403
    text = "You may not do this."


class NotFound(DomainError):
    """Also the answer for somebody else's object, so that nobody learns that it exists."""

    code = "not_found"
    status = 404
    text = "Not found."


class MethodNotAllowed(DomainError):
    code = "method_not_allowed"
    status = 405
    text = "This address takes no such request."


class Conflict(DomainError):
    code = "conflict"
    status = 409
    text = "The current state doesn't allow this."


class PreconditionFailed(DomainError):
    """`If-Match` names another version than the one that is there."""

    code = "precondition_failed"
    status = 412
    text = "It has changed meanwhile. Read it again."


class RateLimited(DomainError):
    code = "rate_limited"
    status = 429
    text = "Too many requests. Try again later."


class Unavailable(DomainError):
    code = "unavailable"
    status = 503
    text = "Not available right now. Try again shortly."


def refusal_of(error: BaseException | None) -> DomainError | None:
    """What the sender is told of an error that is not a mistake of ours; None for one that is.

    A database that is away or did not carry it out in time: nobody knows whether it happened, so try again.
    """
    if isinstance(error, OperationalError | InterfaceError):
        return Unavailable(headers={"Retry-After": "5"})
    return error if isinstance(error, DomainError) else None
