import json
from collections.abc import Callable
from typing import Any

from django.test import Client
from django.utils import timezone

from accounts import operations
from accounts.models import User


class ApiClient:
    """A program that uses the JSON API: no cookies, a bearer value if given. Paths are those after `/api`."""

    def __init__(self, bearer: str = "") -> None:
        self.bearer = bearer

    @classmethod
    def of(cls, user: User) -> "ApiClient":
        return cls(operations.issue_token(user, "test", timezone.now())[1])

    def get(self, path: str, **headers: str) -> Any:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("POST", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("PUT", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.send("DELETE", path, **headers)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """`idempotency_key="k"` becomes the header `Idempotency-Key`; a body of text or bytes is sent as it is."""
        raw = body if isinstance(body, str | bytes) else "" if body is None else json.dumps(body)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.bearer:
            given.setdefault("Authorization", f"Bearer {self.bearer}")
        content_type = given.pop("content-type", "application/json")
        # A new client each time: a cookie that the API must not set could otherwise help the next request.
        return Client().generic(method, f"/api{path}", raw, content_type=content_type, headers=given)


def until_throttled(attempt: Callable[[int], Any], *, after: int = 10) -> Any:
    """The first 429. It may come late: on a slow machine the bucket of ten refills while passwords are hashed."""
    for count in range(40):
        response = attempt(count)
        if response.status_code == 429:
            assert count >= after, f"throttled after {count}"
            return response
    raise AssertionError("never throttled")
