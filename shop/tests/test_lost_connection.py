"""The database's connection breaks under a request that has an Idempotency-Key."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpResponse, JsonResponse
from django.test import RequestFactory

from shop import failpoints
from shop.errors import Conflict, Unavailable, refusal_of
from shop.idempotency import once


@pytest.mark.django_db(transaction=True)
def test_who_tries_again_is_not_told_to_wait_for_nobody(settings: Any, tmp_path: Path) -> None:
    settings.FAILPOINTS = tmp_path
    failpoints.arm(tmp_path, "a.point", "drop")

    def action() -> HttpResponse:
        failpoints.reach("a.point")
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return JsonResponse({}, status=201)

    request = RequestFactory().post(
        "/api/orders", json.dumps({}), content_type="application/json", headers={"Idempotency-Key": "k"}
    )
    with pytest.raises(OperationalError):
        once(request, principal="user_1", action=action)
    assert failpoints.hits(tmp_path, "a.point") == 1
    assert once(request, principal="user_1", action=action).status_code == 201


def test_a_database_that_is_away_is_no_mistake_of_ours() -> None:
    for error in (OperationalError(), InterfaceError()):
        refusal = refusal_of(error)
        assert isinstance(refusal, Unavailable) and refusal.headers["Retry-After"]
    conflict = Conflict()
    assert refusal_of(conflict) is conflict
    assert refusal_of(ValueError()) is None
    assert refusal_of(None) is None
