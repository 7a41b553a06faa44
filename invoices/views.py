from django.http import HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from orders import queries as orders
from shop.http import Request

from . import operations, queries


@never_cache
@require_GET
def pdf(request: Request, public_id: str, number: str) -> HttpResponse:
    return document(request, public_id, number)


def document(request: Request, public_id: str, number: str) -> HttpResponse:
    """For whoever may see the order: its buyer, staff, or a guest with its token. The page and the API answer alike."""
    order = orders.get_accessible(request, public_id)
    invoice = queries.get(order, number)
    name = f"{invoice.kind.replace('_', '-')}-{invoice.number}.pdf"
    headers = {"Content-Disposition": f'inline; filename="{name}"', "Referrer-Policy": "no-referrer"}
    return HttpResponse(operations.render(invoice), content_type="application/pdf", headers=headers)
