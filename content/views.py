from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from catalog import queries
from catalog.models import Category, Product

NEWEST = 8


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    context = {
        "cards": queries.newest(NEWEST),
        "categories": Category.objects.get_root_nodes(),
        "product_count": Product.objects.published().count(),
    }
    return render(request, "content/home.html", context)
