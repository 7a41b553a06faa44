from django.http import HttpResponse
from ninja import Router

from orders import queries as orders
from shop.api import OPTIONAL_BEARER, Envelope, Failure
from shop.http import Request

from . import queries, views
from .schemas import InvoiceAnswer

router = Router(tags=["Orders"])
PDF = {
    "responses": {200: {"description": "OK", "content": {"application/pdf": {"schema": {"type": "string"}}}}},
    **OPTIONAL_BEARER,
}


@router.get(
    "/orders/{order_id}/invoices",
    response={200: Envelope[list[InvoiceAnswer]], 401: Failure, 404: Failure},
    by_alias=True,
    openapi_extra=OPTIONAL_BEARER,
)
def invoices_of_order(request: Request, order_id: str) -> Envelope[list[InvoiceAnswer]]:
    """The order's invoices and credit notes, the oldest first. For its buyer, staff, or a guest with its token."""
    order = orders.get_accessible(request, order_id)
    return Envelope[list[InvoiceAnswer]](data=[InvoiceAnswer.of(each) for each in queries.of_order(order)])


@router.get(
    "/orders/{order_id}/invoices/{number}.pdf",
    response={401: Failure, 404: Failure},
    by_alias=True,
    openapi_extra=PDF,
)
def invoice_pdf(request: Request, order_id: str, number: str) -> HttpResponse:
    """The document, A4. The same bytes each time."""
    return views.document(request, order_id, number)
