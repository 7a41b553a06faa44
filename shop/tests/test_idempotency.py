import json
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse, JsonResponse
from django.test import RequestFactory
from django.utils import timezone

from shop.errors import Conflict, DomainError, InvalidInput
from shop.idempotency import KeyReused, forget, once
from shop.models import IdempotencyKey

pytestmark = pytest.mark.django_db


class Action:
    """Counts its runs; each answers its number, or `raises`."""

    def __init__(self, status: int = 201, raises: Exception | None = None) -> None:
        self.runs, self.status, self.raises = 0, status, raises

    def __call__(self) -> HttpResponse:
        self.runs += 1
        if self.raises:
            raise self.raises
        return JsonResponse({"run": self.runs}, status=self.status)


def send(action: Any, *, key: str = "k", body: Any = None, principal: str = "user_1", path: str = "/api/orders") -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    request = RequestFactory().post(path, json.dumps(body), content_type="application/json", headers=headers)
    return once(request, principal=principal, action=action)


def test_the_same_request_gets_the_same_answer() -> None:
    action = Action()
    first, second = send(action, body={"n": 1}), send(action, body={"n": 1})
    assert action.runs == 1
    assert (first.status_code, first.content) == (second.status_code, second.content) == (201, b'{"run": 1}')
    assert "Idempotent-Replayed" not in first
    assert second["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("other", [{"body": {"n": 2}}, {"path": "/api/other"}])
def test_the_key_with_another_request_is_refused(other: dict[str, Any]) -> None:
    send(Action())
    with pytest.raises(KeyReused) as refusal:
        send(Action(), **other)
    assert refusal.value.status == 422


def test_keys_of_two_people_are_two_keys() -> None:
    action = Action()
    send(action, principal="user_1")
    send(action, principal="user_2", body={"n": 2})
    assert action.runs == 2


@pytest.mark.parametrize("kwargs", [{"key": ""}, {"principal": ""}])
def test_without_key_or_principal_it_just_runs(kwargs: dict[str, str]) -> None:
    action = Action()
    send(action, **kwargs)
    send(action, **kwargs)
    assert action.runs == 2


def test_while_the_first_is_under_way_the_second_is_told_to_come_back() -> None:
    inner = Action()

    def slow() -> HttpResponse:
        with pytest.raises(Conflict) as refusal:
            send(inner)
        assert (refusal.value.code, refusal.value.headers) == ("in_flight", {"Retry-After": "2"})
        return JsonResponse({})

    send(slow)
    assert inner.runs == 0


def test_a_claim_whose_process_died_is_taken_over() -> None:
    action = Action()
    send(action)
    IdempotencyKey.objects.update(status=None, body=None, lease_until=timezone.now() - timedelta(seconds=1))
    assert send(action).content == b'{"run": 2}'


def test_who_outlived_its_lease_leaves_the_claim_to_its_heir() -> None:
    """Else the first one's failure would delete the answer that the second one gave."""
    heir = Action()

    def slow() -> HttpResponse:
        IdempotencyKey.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        send(heir)
        raise Conflict

    with pytest.raises(Conflict):
        send(slow)
    assert send(heir)["Idempotent-Replayed"] == "true"
    assert heir.runs == 1


def test_an_answer_of_ours_that_failed_is_not_kept() -> None:
    assert send(Action(status=503)).status_code == 503
    assert send(Action()).status_code == 201


def test_a_refusal_is_not_kept_either() -> None:
    with pytest.raises(DomainError):
        send(Action(raises=DomainError()))
    assert send(Action()).status_code == 201


@pytest.mark.parametrize("key", ["x" * 201, "a\x00b", "a\nb"])
def test_a_key_that_is_too_long_or_unprintable_is_refused(key: str) -> None:
    with pytest.raises(InvalidInput):
        send(Action(), key=key)


def test_old_keys_are_forgotten() -> None:
    action = Action()
    send(action)
    forget(before=timezone.now() - timedelta(hours=24))
    assert IdempotencyKey.objects.count() == 1
    forget(before=timezone.now() + timedelta(seconds=1))
    send(action)
    assert action.runs == 2


def test_the_kept_answer_tells_no_secret_to_who_reads_the_database(settings: Any) -> None:
    def answer() -> HttpResponse:
        return JsonResponse({"token": "tok_secret"})

    first = send(answer)
    assert b"tok_secret" not in bytes(IdempotencyKey.objects.get().body or b"")
    assert send(answer).content == first.content
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another " * 8
    assert send(answer).content == first.content
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(Conflict):
        send(answer)
