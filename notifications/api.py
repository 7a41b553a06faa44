from django.utils import timezone
from ninja import Router

from orders import queries as order_queries
from orders.queries import actor_of
from shop import rate_limits
from shop.api import OPTIONAL_BEARER, Envelope, Failure
from shop.http import Request

from . import operations
from .schemas import ResendAnswer, ResendBody

router = Router(tags=["Orders"])
ResendEnvelope = Envelope[ResendAnswer]


@router.post(
    "/orders/{order_id}/resend",
    response={202: ResendEnvelope, 400: Failure, 401: Failure, 404: Failure, 409: Failure, 429: Failure},
    by_alias=True,
    openapi_extra=OPTIONAL_BEARER,
)
def resend(request: Request, order_id: str, body: ResendBody) -> tuple[int, ResendEnvelope]:
    """Sends a mail about the order again, to the address that it was placed with. 409 names those there are now."""
    order = order_queries.get_accessible(request, order_id, permission=order_queries.CHANGE)
    rate_limits.check("resend", order.public_id)
    operations.resend(order, body.mail, actor=actor_of(request), now=timezone.now())
    return 202, ResendEnvelope(data=ResendAnswer(order_id=order.public_id, mail=body.mail))
