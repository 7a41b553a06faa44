"""What the URLconf has: each address once, with its parameters; the five pages of a model in the admin as one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver

PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
NAMED_GROUP = re.compile(r"\(\?P<(\w+)>[^()]*\)")
# In development Django itself hands these out; in production the reverse proxy does (docs/deployment).
FILES = "/media/<path>"


@dataclass(frozen=True)
class Route:
    path: str

    @property
    def parameters(self) -> list[str]:
        return PARAMETER.findall(self.path)

    @property
    def is_api(self) -> bool:
        return self.path.startswith("/api/")

    @property
    def is_admin(self) -> bool:
        return self.path.startswith("/admin/")

    @property
    def model(self) -> Any:
        """Of the admin's pages of one model: what this one line stands for."""
        return models().get(self.path)


def routes() -> list[Route]:
    """Sorted, without the pages of a model that its own line stands for."""
    covered = {
        f"{prefix}{page}"
        for prefix in models()
        for page in ("add/", "<object_id>/history/", "<object_id>/delete/", "<object_id>/change/", "<object_id>/")
    }
    found = {plain(path) for path in below("/", get_resolver().url_patterns)}
    return [Route(path) for path in sorted(found - covered - {FILES})]


@cache
def models() -> dict[str, Any]:
    return {f"/admin/{model._meta.app_label}/{model._meta.model_name}/": model for model in admin.site._registry}


def below(prefix: str, patterns: Any) -> Iterator[str]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from below(path, pattern.url_patterns)
        elif isinstance(pattern, URLPattern):
            yield path


def plain(path: str) -> str:
    """`/a/<slug:x>/` and `/a/^(?P<x>.*)$` are `/a/<x>/` and `/a/<x>`."""
    path = NAMED_GROUP.sub(r"<\1>", path).replace("^", "").replace("$", "")
    return PARAMETER.sub(r"<\1>", path)
