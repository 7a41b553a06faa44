from dataclasses import fields
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from . import queries
from .models import Category, Product


@require_safe
def product_list(request: HttpRequest) -> HttpResponse:
    base_url = reverse("catalog:list")
    listing = queries.listing(request.GET, base_url=base_url)
    context: dict[str, Any] = {"title": "All products", "category": None, "breadcrumbs": [], "subcategories": []}
    return render(request, "catalog/list.html", context | shallow(listing))


@require_safe
def category(request: HttpRequest, url_path: str) -> HttpResponse:
    found = queries.category_at(url_path)
    listing = queries.listing(request.GET, category=found, base_url=found.get_absolute_url())
    context = {
        "title": found.name,
        "category": found,
        "breadcrumbs": queries.trail(found),
        "subcategories": Category.objects.get_children(found),
    }
    return render(request, "catalog/list.html", context | shallow(listing))


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    listing = queries.listing(request.GET, base_url=reverse("catalog:search"))
    title = f"Results for “{listing.query}”" if listing.query else "All products"
    context: dict[str, Any] = {"title": title, "category": None, "breadcrumbs": [], "subcategories": []}
    return render(request, "catalog/list.html", context | shallow(listing))


@require_safe
def product(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(Product.objects.visible_to(request.user).with_details(), slug=slug)
    page = queries.product_page(found, variant=request.GET.get("variant", ""), image=request.GET.get("image", ""))
    return render(request, "catalog/product.html", shallow(page))


def shallow(page: Any) -> dict[str, Any]:
    """A page's own fields as template variables; `asdict` would copy every model in them."""
    return {field.name: getattr(page, field.name) for field in fields(page)}
