import json
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display

from shop.admin import ReadOnly

from . import operations, queries
from .forms import EndpointForm, ReplayForm
from .models import Delivery, Endpoint
from .operations.endpoints import OVERLAP

State = Delivery.State
LABELS = {State.PENDING: "info", State.SENT: "success", State.FAILED: "danger"}


@admin.register(Endpoint)
class EndpointAdmin(ModelAdmin):
    """Who is told. An endpoint is switched off, never deleted: its log would go with it."""

    form = EndpointForm
    list_display = ("url", "description", "subscribed", "condition", "waiting", "given_up", "created_at")
    list_filter = ("is_enabled",)
    search_fields = ("url", "description", "public_id")
    ordering = ("-is_enabled", "id")
    show_full_result_count = False
    fields = ("url", "description", "topics", "is_enabled", "in_words", "public_id", "previous_until", "created_at")
    readonly_fields = ("in_words", "public_id", "previous_until", "created_at")
    change_form_outer_before_template = "admin/webhooks/endpoint/doings.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Endpoint]:
        counted = {
            "waiting_total": Count("deliveries", filter=Q(deliveries__state=State.PENDING)),
            "given_up_total": Count("deliveries", filter=Q(deliveries__state=State.FAILED)),
        }
        return super().get_queryset(request).annotate(**counted)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ("url", "description", "topics")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="topics")
    def subscribed(self, endpoint: Endpoint) -> str:
        return ", ".join(endpoint.topics)

    @display(description="state", label={"On": "success", "Failing": "warning", "Off": "danger"})
    def condition(self, endpoint: Endpoint) -> str:
        if not endpoint.is_enabled:
            return "Off"
        return "Failing" if endpoint.failing_since else "On"

    @admin.display(description="state")
    def in_words(self, endpoint: Endpoint) -> str:
        if not endpoint.is_enabled:
            return f"Off. {endpoint.disabled_reason}"
        return f"Failing since {localize(endpoint.failing_since)}" if endpoint.failing_since else "On"

    @admin.display(ordering="waiting_total")
    def waiting(self, endpoint: Any) -> int:
        return int(endpoint.waiting_total)

    @admin.display(ordering="given_up_total")
    def given_up(self, endpoint: Any) -> int:
        return int(endpoint.given_up_total)

    # --- Writing

    def save_model(self, request: HttpRequest, obj: Endpoint, form: Any, change: bool) -> None:
        """Through the operations: the form holds the state from before what a worker wrote meanwhile."""
        given = form.cleaned_data
        if change:
            operations.save_endpoint(
                obj,
                url=given["url"],
                topics=given["topics"],
                description=given["description"],
                is_enabled=given["is_enabled"],
                now=timezone.now(),
            )
            return
        made, secret = operations.create_endpoint(
            url=given["url"], topics=given["topics"], description=given["description"]
        )
        obj.pk, obj.new_secret = made.pk, secret  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return self.show_secret(request, obj, obj.new_secret)

    # --- One endpoint

    def get_urls(self) -> list[Any]:
        def doing(name: str, view: Any) -> Any:
            wrapped = self.admin_site.admin_view(view)
            return path(f"<path:object_id>/{name}/", wrapped, name=f"webhooks_endpoint_{name}")

        return [doing("test", self.test_view), doing("secret", self.secret_view), *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **more: Any) -> Any:
        endpoint: Endpoint | None = more.get("obj")
        if endpoint:
            context |= {"may_act": self.has_change_permission(request), "endpoint_pk": str(endpoint.pk)}
        return super().render_change_form(request, context, *args, **more)

    def test_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Sends a test event on POST and leads to how it went."""
        endpoint = self.changeable(request, object_id)
        if request.method == "POST":
            delivery = operations.send_test(endpoint, now=timezone.now())
            messages.success(request, "The test event is on its way. Open this page again to see the answer.")
            return redirect("admin:webhooks_delivery_change", delivery.pk)
        return redirect("admin:webhooks_endpoint_change", endpoint.pk)

    def secret_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks on GET, which changes nothing, and shows the new secret in the answer to the POST alone."""
        endpoint = self.changeable(request, object_id)
        if request.method == "POST":
            secret = operations.rotate_secret(endpoint, now=timezone.now())
            return self.show_secret(request, endpoint, secret, is_new=False)
        return self.show_secret(request, endpoint, "", is_new=False)

    def changeable(self, request: HttpRequest, object_id: str) -> Endpoint:
        if not self.has_change_permission(request):
            raise PermissionDenied
        endpoint = self.get_object(request, unquote(object_id))
        if endpoint is None:
            raise Http404
        return endpoint

    def show_secret(
        self, request: HttpRequest, endpoint: Endpoint, secret: str, *, is_new: bool = True
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "object": endpoint,
            "title": "Its secret" if is_new else "A new secret",
            "secret": secret,
            "is_new": is_new,
            "overlap_hours": OVERLAP // timedelta(hours=1),
            "endpoint_url": reverse("admin:webhooks_endpoint_change", args=[endpoint.pk]),
        }
        return TemplateResponse(request, "admin/webhooks/endpoint/secret.html", context)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly, ModelAdmin):
    """What was sent, what it was answered, and the way to send it again."""

    list_display = ("created_at", "topic", "endpoint", "shown_state", "attempts", "status", "latency", "error", "due")
    list_filter = ("state", "topic", "endpoint")
    list_select_related = ("endpoint",)
    search_fields = ("public_id", "subject")
    ordering = ("-id",)
    show_full_result_count = False
    actions = ("send_again",)
    list_before_template = "admin/webhooks/delivery/replay_link.html"
    change_form_outer_before_template = "admin/webhooks/delivery/doings.html"
    fields = (
        ("topic", "public_id"),
        ("endpoint", "subject"),
        ("state", "attempts", "due"),
        ("status", "latency", "error"),
        ("created_at", "sent_at"),
        "shown_answer",
        "shown_body",
    )
    readonly_fields = ("due", "latency", "shown_answer", "shown_body")

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(queries.CHANGE)

    @display(description="state", ordering="state", label=LABELS)
    def shown_state(self, delivery: Delivery) -> tuple[str, str]:
        return delivery.state, delivery.get_state_display()

    @admin.display(description="next try", ordering="due_at")
    def due(self, delivery: Delivery) -> Any:
        return delivery.due_at if delivery.state == State.PENDING else None

    @admin.display(ordering="latency_ms")
    def latency(self, delivery: Delivery) -> str:
        return "" if delivery.latency_ms is None else f"{delivery.latency_ms} ms"

    @admin.display(description="its answer")
    def shown_answer(self, delivery: Delivery) -> SafeString:
        return preformatted(delivery.answer, rows=3)

    @admin.display(description="what is sent")
    def shown_body(self, delivery: Delivery) -> SafeString:
        return preformatted(json.dumps(json.loads(delivery.body), indent=2, ensure_ascii=False), rows=14)

    # --- Again

    @admin.action(description="Send again", permissions=("replay",))
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        self.say(request, operations.replay(queryset, now=timezone.now()))

    def get_urls(self) -> list[Any]:
        again, many = (self.admin_site.admin_view(view) for view in (self.again_view, self.replay_view))
        return [
            path("replay/", many, name="webhooks_delivery_replay"),
            path("<path:object_id>/again/", again, name="webhooks_delivery_again"),
            *super().get_urls(),
        ]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **more: Any) -> Any:
        may_replay = bool(more.get("obj")) and self.has_replay_permission(request)
        return super().render_change_form(request, context | {"may_replay": may_replay}, *args, **more)

    def again_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if not self.has_replay_permission(request):
            raise PermissionDenied
        delivery = self.get_object(request, unquote(object_id))
        if delivery is None:
            raise Http404
        if request.method == "POST":
            self.say(request, operations.replay(Delivery.objects.filter(pk=delivery.pk), now=timezone.now()))
        return redirect("admin:webhooks_delivery_change", delivery.pk)

    def replay_view(self, request: HttpRequest) -> HttpResponse:
        """All that was given up since a time, after an outage."""
        if not self.has_replay_permission(request):
            raise PermissionDenied
        yesterday = timezone.now() - timedelta(days=1)
        form = ReplayForm(request.POST if request.method == "POST" else None, initial={"since": yesterday})
        if form.is_valid():
            self.say(request, operations.replay(queries.given_up(**form.wanted()), now=timezone.now()))
            return redirect("admin:webhooks_delivery_changelist")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Send again what was given up",
            "form": form,
            "list_url": reverse("admin:webhooks_delivery_changelist"),
        }
        return TemplateResponse(request, "admin/webhooks/delivery/replay.html", context)

    def say(self, request: HttpRequest, count: int) -> None:
        if count:
            messages.success(request, f"{count} message{'' if count == 1 else 's'} will be sent again at once.")
        else:
            messages.info(request, "Nothing to send again: it waits anyway, or its endpoint is switched off.")


def preformatted(text: str, rows: int) -> SafeString:
    """A field that scrolls by itself, on a phone too."""
    classes = "border border-base-200 font-mono max-w-4xl p-3 rounded-default text-sm w-full dark:border-base-700"
    field = '<textarea readonly rows="{}" class="{} dark:bg-base-900">{}</textarea>'
    return format_html(field, rows, classes, text) if text else SafeString("")
