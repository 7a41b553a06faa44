from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from accounts.models import User
from catalog.models import Product
from catalog.queries import trail
from shop import rate_limits
from shop.errors import DomainError
from shop.paging import MAX_OFFSET, paginate

from . import operations, queries
from .forms import ListForm, ReviewForm

PER_PAGE = 10
WAITS = "Thank you. Your review is shown as soon as we have read it."
SHOWN = "Thank you. Your review is in the shop."


@require_safe
def index(request: HttpRequest, slug: str) -> HttpResponse:
    product = get_object_or_404(Product.objects.visible_to(request.user).select_related("category"), slug=slug)
    asked = ListForm(request.GET).values
    counts = queries.histogram(product)
    page = queries.page_of(
        queries.shown(product),
        counts=counts,
        rating=asked["rating"],
        sort=asked["sort"],
        limit=PER_PAGE,
        offset=(asked["page"] - 1) * PER_PAGE,
    )
    context = {
        "product": product,
        "histogram": counts,
        "page": page,
        "rating": asked["rating"],
        "sort_options": [(value, label, value == asked["sort"]) for value, label in queries.SORTS],
        "breadcrumbs": [*trail(product.category), (product.name, product.get_absolute_url()), ("Reviews", "")],
    }
    return render(request, "reviews/list.html", context)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    """One's own review of a product: written the first time, changed later."""
    user = person(request)
    product = get_object_or_404(Product.objects.published(), slug=slug)
    review = queries.own_review(product, user)
    may_write = review is not None or queries.purchase_of(product, user) is not None
    form = ReviewForm(request.POST) if request.method == "POST" else ReviewForm.of(review)
    if request.method == "POST" and form.is_valid():
        rate_limits.check("review", user.public_id)
        now = timezone.now()
        try:
            if review:
                review = operations.change_review(review, form.opinion, now=now)
            else:
                review = operations.write_review(product, form.opinion, user=user, now=now)
            messages.success(request, SHOWN if review.is_published else WAITS)
            return redirect("reviews:own")
        except DomainError as error:
            form.add_error(None, error.text)
    context = {
        "form": form,
        "product": product,
        "review": review,
        "may_write": may_write,
        "is_read_first": settings.SHOP_REVIEWS != "auto",
    }
    return render(request, "reviews/edit.html", context)


@never_cache
@login_required
@require_GET
def own(request: HttpRequest) -> HttpResponse:
    user = person(request)
    number = ListForm(request.GET).values["page"]
    offset = min((number - 1) * PER_PAGE, MAX_OFFSET)
    page = paginate(queries.reviews_of(user), limit=PER_PAGE, offset=offset)
    return render(request, "reviews/own.html", {"page": page, "to_review": queries.to_review(user)})


@never_cache
@login_required
@require_POST
def delete(request: HttpRequest, public_id: str) -> HttpResponse:
    operations.delete_review(queries.get_own(public_id, person(request)))
    messages.success(request, "Your review is deleted.")
    return redirect("reviews:own")


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def report(request: HttpRequest, public_id: str) -> HttpResponse:
    """Asks first, since it is also where somebody comes out who had to sign in on the way."""
    user = person(request)
    review = queries.get_published(public_id)
    if request.method == "POST":
        rate_limits.check("review", user.public_id)
        operations.report_review(review, user=user, now=timezone.now())
        messages.success(request, "Thank you. We will look at this review again.")
        return redirect(reverse("reviews:list", args=[review.product.slug]))
    return render(request, "reviews/report.html", {"review": review})


def person(request: HttpRequest) -> User:
    assert request.user.is_authenticated, "login_required has let nobody else in"
    return request.user
