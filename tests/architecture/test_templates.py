"""Templates keep the strict Content-Security-Policy and name addresses that exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.template.loader import get_template
from django.test import RequestFactory
from django.urls import URLResolver, get_resolver

from shop.errors import Unavailable
from shop.responses import error_response
from tests.fixtures import plain_static_files  # noqa: F401

ROOT = Path(settings.BASE_DIR) / "templates"
TEMPLATES = sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.suffix in {".html", ".txt"})
PAGES = [name for name in TEMPLATES if name.endswith(".html") and not name.startswith("mail/")]

REFUSED_BY_THE_POLICY = {
    "a style attribute": re.compile(r"\sstyle\s*=", re.I),
    "a style element": re.compile(r"<style\b", re.I),
    "an inline script": re.compile(r"<script\b(?![^>]*\bsrc=)", re.I),
    "an inline handler": re.compile(r"\son[a-z]+\s*=", re.I),
    "a javascript: address": re.compile(r"javascript:", re.I),
}
FOREIGN_ADDRESS = re.compile(
    r"""(?:\b(?:href|src|srcset|action|poster|data)\s*=\s*["']?|url\(\s*["']?)\s*(?:https?:)?//""", re.I
)
URL_NAME = re.compile(r"""\{%\s*url\s+['"]([\w:]+)['"]""")


def source(name: str) -> str:
    return (ROOT / name).read_text()


@pytest.mark.parametrize("name", TEMPLATES)
def test_compiles(name: str) -> None:
    get_template(name)


@pytest.mark.parametrize("name", PAGES)
def test_holds_nothing_that_the_policy_refuses(name: str) -> None:
    found = [what for what, pattern in REFUSED_BY_THE_POLICY.items() if pattern.search(source(name))]
    assert not found, f"{name} has {', '.join(found)}"


@pytest.mark.parametrize("name", TEMPLATES)
def test_fetches_nothing_from_elsewhere(name: str) -> None:
    assert not FOREIGN_ADDRESS.search(source(name)), name


@pytest.mark.parametrize("name", [name for name in TEMPLATES if name.endswith(".html")])
def test_escapes_everything(name: str) -> None:
    assert not re.search(r"autoescape\s+off|\|\s*safe\b", source(name)), name


@pytest.mark.parametrize("name", [name for name in TEMPLATES if name.startswith("mail/") and "/_" not in name])
def test_every_mail_exists_as_text_and_as_html(name: str) -> None:
    other = name.removesuffix(".html") + ".txt" if name.endswith(".html") else name.removesuffix(".txt") + ".html"
    assert other in TEMPLATES


def test_links_name_addresses_that_exist() -> None:
    known = set(names(get_resolver()))
    used = {(name, target) for name in TEMPLATES for target in URL_NAME.findall(source(name))}
    # The mailbox is there in development only.
    missing = sorted((n, t) for n, t in used if t not in known and not t.startswith("notifications:"))
    assert not missing


def test_the_page_of_a_failure_asks_no_database(rf: RequestFactory) -> None:
    """The database may be what failed. This test has no access to one: a query would fail it."""
    request = rf.get("/")
    request.session = SessionStore("a" * 32)
    request.user = AnonymousUser()
    request.COOKIES[settings.SESSION_COOKIE_NAME] = "a" * 32
    page = error_response(request, Unavailable()).content.decode()
    assert Unavailable.text in page


def names(resolver: URLResolver, namespace: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from names(pattern, inner)
        elif pattern.name:
            yield f"{namespace}{pattern.name}"
