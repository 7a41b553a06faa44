from typing import Any

from django.http import HttpRequest


class ReadOnly:
    """For what operations alone change: a form would write back the state from before another one's change."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
