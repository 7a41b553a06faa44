from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from .models import MailLog


@admin.register(MailLog)
class MailLogAdmin(ModelAdmin):
    list_display = ("created_at", "subject", "recipient", "sent_at")
    search_fields = ("recipient", "subject")
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: MailLog | None = None) -> bool:
        return False
