from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router

from orders.queries import actor_of
from shop import idempotency
from shop.api import IDEMPOTENT, Envelope, Failure, PagedEnvelope, Staff
from shop.paging import PageQuery, paginate
from shop.responses import json_response

from . import operations, queries
from .models import Delivery, Endpoint
from .schemas import DeliveryAnswer, DeliveryQuery, EndpointAnswer, ReplayBody, ReplayedAnswer

router = Router(tags=["Webhooks"])
EndpointPage = PagedEnvelope[EndpointAnswer]
DeliveryPage = PagedEnvelope[DeliveryAnswer]
DeliveryEnvelope = Envelope[DeliveryAnswer]
ReplayedEnvelope = Envelope[ReplayedAnswer]
LISTED = {400: Failure, 401: Failure, 403: Failure}
REPLAYED = {200: ReplayedEnvelope, **dict.fromkeys((400, 401, 403, 409, 422), Failure)}


@router.get(
    "/webhooks/endpoints", response={200: EndpointPage, **LISTED}, auth=Staff(queries.VIEW_ENDPOINTS), by_alias=True
)
def list_endpoints(request: HttpRequest, page: Query[PageQuery]) -> EndpointPage:
    """Who is told of what. Secrets are never answered."""
    found = paginate(Endpoint.objects.order_by("id"), limit=page.limit, offset=page.offset)
    return EndpointPage(data=[EndpointAnswer.of(each) for each in found], pagination=found.pagination)


@router.get("/webhooks/deliveries", response={200: DeliveryPage, **LISTED}, auth=Staff(queries.VIEW), by_alias=True)
def list_deliveries(request: HttpRequest, asked: Query[DeliveryQuery]) -> DeliveryPage:
    """What was sent, is waiting or was given up in the last 30 days, the newest first."""
    rows = queries.deliveries(state=asked.state or "", topic=asked.topic, endpoint_id=asked.endpoint_id)
    found = paginate(rows, limit=asked.limit, offset=asked.offset, cursor=asked.cursor)
    return DeliveryPage(data=[DeliveryAnswer.of(each) for each in found], pagination=found.pagination)


@router.get(
    "/webhooks/deliveries/{delivery_id}",
    response={200: DeliveryEnvelope, 401: Failure, 403: Failure, 404: Failure},
    auth=Staff(queries.VIEW),
    by_alias=True,
)
def get_delivery(request: HttpRequest, delivery_id: str) -> DeliveryEnvelope:
    """One message and how its last try went. `deliveryId` is its `webhook-id`."""
    return DeliveryEnvelope(data=DeliveryAnswer.of(queries.get_delivery(delivery_id)))


@router.post(
    "/webhooks/deliveries/{delivery_id}/replay",
    response=REPLAYED | {404: Failure},
    auth=Staff(queries.CHANGE),
    by_alias=True,
    openapi_extra=IDEMPOTENT,
)
def replay(request: HttpRequest, delivery_id: str) -> HttpResponse:
    """Sends it again with the same id and the same bytes. 0: it waits anyway, or its endpoint is switched off."""
    delivery = queries.get_delivery(delivery_id)

    def again() -> HttpResponse:
        return answer(operations.replay(Delivery.objects.filter(pk=delivery.pk), now=timezone.now()))

    return idempotency.once(request, principal=actor_of(request), action=again)


@router.post("/webhooks/replay", response=REPLAYED, auth=Staff(queries.CHANGE), by_alias=True, openapi_extra=IDEMPOTENT)
def replay_given_up(request: HttpRequest, body: ReplayBody) -> HttpResponse:
    """Sends again, after an outage, all that was given up of what happened `since`, to one endpoint or to all."""

    def again() -> HttpResponse:
        rows = queries.given_up(since=body.since, endpoint_id=body.endpoint_id)
        return answer(operations.replay(rows, now=timezone.now()))

    return idempotency.once(request, principal=actor_of(request), action=again)


def answer(count: int) -> HttpResponse:
    return json_response(ReplayedEnvelope(data=ReplayedAnswer(replayed=count)), status=200)
