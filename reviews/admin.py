from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import Truncator
from unfold.admin import ModelAdmin
from unfold.decorators import display

from . import operations
from .models import Review

State = Review.State
LABELS = {State.PENDING: "warning", State.PUBLISHED: "success", State.REJECTED: "danger"}


class DecisionForm(forms.ModelForm):
    """Nothing goes back to waiting: that is what other words of its author do."""

    class Meta:
        model = Review
        fields = ("state", "staff_reply")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Staff who may only look get no fields.
        if "state" in self.fields and self.instance.state != State.PENDING:
            decided = [choice for choice in State.choices if choice[0] != State.PENDING]
            self.fields["state"].choices = decided  # type: ignore[attr-defined]


@admin.register(Review)
class ReviewAdmin(ModelAdmin):
    """What waits comes first. Staff approve, reject and answer; nobody rewrites a buyer's words."""

    form = DecisionForm
    list_display = ("product", "stars", "words", "author", "shown_state", "report_count", "created_at")
    list_filter = ("state", "rating")
    list_select_related = ("product", "user")
    search_fields = ("product__name", "title", "text", "user__email")
    show_full_result_count = False
    actions = ("approve", "reject")
    fields = ("product", "user", "rating", "title", "text", "report_count", "created_at", "state", "staff_reply")
    readonly_fields = ("product", "user", "rating", "title", "text", "report_count", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Review]:
        counted = Review.objects.annotate(report_total=Count("reports"))
        return counted.order_by(*self.get_ordering(request))

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        # "pending" sorts before "published" and "rejected".
        return ("state", "-report_total", "-id")

    @admin.display(description="rating", ordering="rating")
    def stars(self, review: Review) -> str:
        return f"{review.rating} of 5"

    @admin.display
    def words(self, review: Review) -> str:
        return Truncator(". ".join(part for part in (review.title, review.text) if part)).chars(100)

    @admin.display(description="reports", ordering="report_total")
    def report_count(self, review: Any) -> int:
        return review.report_total

    @display(description="state", ordering="state", label=LABELS)
    def shown_state(self, review: Review) -> tuple[str, str]:
        return review.state, review.get_state_display()

    @admin.action(description="Approve: show them in the shop", permissions=["change"])
    def approve(self, request: HttpRequest, reviews: QuerySet[Review]) -> None:
        for review in reviews:
            operations.approve(review, now=timezone.now())
        self.message_user(request, f"Approved: {len(reviews)}.", messages.SUCCESS)

    @admin.action(description="Reject: keep them out of the shop", permissions=["change"])
    def reject(self, request: HttpRequest, reviews: QuerySet[Review]) -> None:
        for review in reviews:
            operations.reject(review, now=timezone.now())
        self.message_user(request, f"Rejected: {len(reviews)}.", messages.SUCCESS)

    def save_model(self, request: HttpRequest, obj: Review, form: Any, change: bool) -> None:
        operations.reply(obj, form.cleaned_data["staff_reply"])
        if "state" in form.changed_data:
            decide = operations.approve if obj.is_published else operations.reject
            decide(obj, now=timezone.now())

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rejecting keeps who wrote what; only its author, or erasing an account, deletes."""
        return False
