from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin

from . import outbox
from .models import OutboxEvent


class ReadOnly:
    """For what operations alone change: a form would write back the state from before another one's change."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(OutboxEvent)
class OutboxEventAdmin(ReadOnly, ModelAdmin):
    """What happened, and whether everybody who has to act on it has. Read only, but for another try."""

    list_display = ("created_at", "topic", "state", "attempts", "last_error", "due_at", "done_at")
    list_filter = ("state", "topic")
    search_fields = ("dedupe_key",)
    ordering = ("-id",)
    show_full_result_count = False
    actions = ("try_again",)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("shop.change_outboxevent")

    @admin.action(description="Try again what was given up", permissions=("retry",))
    def try_again(self, request: HttpRequest, queryset: QuerySet[OutboxEvent]) -> None:
        revived = outbox.revive(queryset, now=timezone.now())
        if revived:
            messages.success(request, f"{revived} event{'' if revived == 1 else 's'} will be tried again at once.")
        else:
            messages.info(request, "None of these was given up: they are done, or will be tried again anyway.")
