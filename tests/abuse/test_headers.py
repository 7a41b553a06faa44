"""What every kind of answer carries, and that browsers find nothing to complain of. Chromium: test_stored_xss.py."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from catalog.models import Product
from catalog.tests.factories import VariantFactory

pytestmark = pytest.mark.django_db
ADMIN = "/admin/"
# By kind: address, status.
ANSWERS = {
    "page": ("/", 200),
    "list": ("/products/", 200),
    "cart": ("/cart/", 200),
    "sign-in": ("/account/login/", 200),
    "redirect": ("/account/", 302),
    "missing page": ("/no/such/page/", 404),
    "missing object": ("/products/no-such/", 404),
    "refused method": ("/", 405),
    "API": ("/api/products", 200),
    "missing in the API": ("/api/products/prod_none", 404),
    "refused by the API": ("/api/users/me", 401),
    "no such endpoint": ("/api/nothing", 404),
    "description": ("/api/openapi.json", 200),
    "documentation": ("/api/docs", 200),
    "probe": ("/livez", 200),
    "health": ("/health", 200),
    "admin's door": (ADMIN, 302),
    "NUL": ("/products/%00/", 404),
}


@pytest.fixture
def product(db: None) -> Product:
    return VariantFactory.create().product


@pytest.mark.parametrize("kind", ANSWERS)
def test_every_answer_has_them(kind: str) -> None:
    path, status = ANSWERS[kind]
    answer = Client().generic("DELETE" if status == 405 else "GET", path)
    assert answer.status_code == status
    assert missing_headers(answer, path) == []


def test_the_product_and_the_admin_have_them(product: Product, admin_browser: Client) -> None:
    for path in (product.get_absolute_url(), ADMIN, "/admin/catalog/product/"):
        answer = admin_browser.get(path)
        assert answer.status_code == 200, path
        assert missing_headers(answer, path) == []


def missing_headers(answer: Any, path: str) -> list[str]:
    found = {name.lower(): value for name, value in answer.items()}
    wanted = {
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "x-frame-options": "DENY",
    }
    problems = [f"{name}: {found.get(name)}" for name, value in wanted.items() if found.get(name) != value]
    if not path.startswith(ADMIN):
        policy = found.get("content-security-policy", "")
        if not {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= set(policy.split("; ")):
            problems.append(f"content-security-policy: {policy}")
        if "unsafe" in policy or "*" in policy:
            problems.append(f"content-security-policy: {policy}")
    if "server" in found or "x-powered-by" in found:
        problems.append("tells what it runs on")
    return problems


# --- Cookies


def test_public_pages_set_no_cookie(product: Product) -> None:
    for path in ("/", "/products/", product.get_absolute_url(), "/search/?q=mug", "/api/products", "/livez"):
        assert not Client().get(path).cookies, path


@pytest.fixture
def https(settings: Any) -> Iterator[Any]:
    """As config/settings.py has it where SHOP_BASE_URL begins with https."""
    settings.SHOP_BASE_URL = "https://testserver"
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = settings.SECURE_SSL_REDIRECT = True
    settings.SESSION_COOKIE_NAME = "__Host-sessionid"
    settings.SECURE_HSTS_SECONDS = 31_536_000
    yield settings


def test_cookies_over_https(https: Any, customer: User) -> None:
    from_login = Client().post(
        "/account/login/", {"email": customer.email, "password": "correct horse battery"}, secure=True
    )
    cookie = from_login.cookies["__Host-sessionid"]
    assert cookie["secure"] and cookie["httponly"] and cookie["samesite"] == "Lax"
    assert cookie["path"] == "/" and not cookie["domain"]


def test_https_is_demanded_and_remembered(https: Any) -> None:
    assert Client().get("/products/")["Location"] == "https://testserver/products/"
    assert Client().get("/products/", secure=True)["Strict-Transport-Security"] == "max-age=31536000"
    # A probe asks this process over plain HTTP.
    assert Client().get("/livez").status_code == 200
