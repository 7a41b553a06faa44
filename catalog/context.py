from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from .models import Category


def navigation(request: HttpRequest) -> dict[str, Any]:
    return {"nav_categories": SimpleLazyObject(lambda: list(Category.objects.get_root_nodes()))}
