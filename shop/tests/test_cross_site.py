from typing import Any

import pytest
from django.test import Client, RequestFactory

from shop.middleware import client_address

pytestmark = pytest.mark.django_db
PAGE, API = "/cart/clear/", "/api/cart/me/clear"
SAME = {"Sec-Fetch-Site": "same-origin"}


def post(path: str, headers: dict[str, str], *, session: bool) -> int:
    client = Client()
    if session:
        client.cookies["sessionid"] = "anything"
    return client.post(path, content_type="application/json", headers=headers).status_code


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://testserver"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
    ],
)
@pytest.mark.parametrize("path", [PAGE, API])
@pytest.mark.parametrize("session", [True, False])
def test_our_own_pages_and_programs_pass(headers: dict[str, str], path: str, session: bool) -> None:
    assert post(path, headers, session=session) in {200, 302}


FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "nonsense"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://["},
    {"Origin": "http://testserver:8000"},
    {"Origin": "http://testserver.evil.example"},
    {"Origin": "http://evil.example/http://testserver"},
]


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("path", [PAGE, API])
def test_a_foreign_sites_request_with_our_cookie_is_refused(headers: dict[str, str], path: str) -> None:
    assert post(path, headers, session=True) == 403


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_page_refuses_it_without_the_cookie_too(headers: dict[str, str]) -> None:
    """SameSite keeps the cookie from a foreign form, but the answer's new one would replace it."""
    assert post(PAGE, headers, session=False) == 403
    assert post("/cart/items/", headers, session=False) == 403


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_program_of_another_site_may_use_the_api_without_cookies(headers: dict[str, str]) -> None:
    assert post(API, headers, session=False) == 200


@pytest.mark.parametrize(("bearer", "status"), [("Bearer order_secret", 200), ("Bearer ", 403), ("Basic abc", 403)])
def test_a_bearer_is_not_the_cookies_person(bearer: str, status: int) -> None:
    assert post(API, {"Sec-Fetch-Site": "cross-site", "Authorization": bearer}, session=True) == status


@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_reads_are_open(method: str) -> None:
    client = Client()
    client.cookies["sessionid"] = "anything"
    response: Any = getattr(client, method)("/cart/", headers={"Sec-Fetch-Site": "cross-site"})
    assert response.status_code != 403


def test_the_admin_asks_for_djangos_token_besides() -> None:
    client = Client(enforce_csrf_checks=True)
    client.get("/admin/login/")
    form = {"username": "a", "password": "b"}
    assert client.post("/admin/login/", form, headers=SAME).status_code == 403
    assert client.post(PAGE, headers=SAME).status_code == 302


@pytest.mark.parametrize(
    ("proxies", "forwarded", "remote", "address"),
    [
        (0, "6.6.6.6", "10.0.0.1", "10.0.0.1"),
        (0, "", "10.0.0.1", "10.0.0.1"),
        (1, "6.6.6.6, 203.0.113.9", "10.0.0.1", "203.0.113.9"),
        (1, "", "10.0.0.1", "10.0.0.1"),
        (2, "6.6.6.6, 203.0.113.9, 10.0.0.2", "10.0.0.1", "203.0.113.9"),
        (2, "203.0.113.9", "10.0.0.1", "203.0.113.9"),
        (1, "203.0.113.9,,", "10.0.0.1", "203.0.113.9"),
        (1, "rate:sign_in:x", "10.0.0.1", "unknown"),
        (1, "2001:DB8:0::9", "10.0.0.1", "2001:db8::/64"),
        (0, "", "", "unknown"),
    ],
)
def test_only_as_many_proxies_are_believed_as_there_are(
    settings: Any, proxies: int, forwarded: str, remote: str, address: str
) -> None:
    settings.SHOP_TRUSTED_PROXIES = proxies
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert client_address(RequestFactory().get("/", headers=headers, REMOTE_ADDR=remote)) == address
