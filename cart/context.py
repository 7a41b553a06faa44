from typing import Any

from django.http import HttpRequest


def cart(request: HttpRequest) -> dict[str, Any]:
    return {}
