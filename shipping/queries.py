"""Which ways there are to a place, at which price and by which day. docs/algorithms/shipping.md tells the rules."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, prefetch_related_objects
from django.utils import timezone

from .estimates import HORIZON_DAYS, Calendar, Estimate, estimate
from .models import Holiday, ShippingMethod, Zone


@dataclass(frozen=True)
class Option:
    """A way to get the goods, priced for these goods. `first` and `last` bound the day of arrival, or of pick-up."""

    method: ShippingMethod
    price_minor: int
    estimate: Estimate

    @property
    def code(self) -> str:
        return self.method.code

    @property
    def name(self) -> str:
        return self.method.name

    @property
    def first(self) -> date:
        return self.estimate.first

    @property
    def last(self) -> date:
        return self.estimate.last

    @property
    def pickup_address(self) -> str:
        return self.method.pickup_address if self.method.is_pickup else ""


def options(
    *,
    country: str,
    region: str = "",
    postal_code: str = "",
    goods_minor: int,
    weight_grams: int = 0,
    quantity: int = 1,
    now: datetime,
) -> list[Option]:
    """Every way of those goods to that place: deliveries the cheapest first, then pick-ups.

    Nobody is sent to a counter unasked: the first is what a buyer gets who names none. Value of goods in minor units,
    after discounts. Three queries, with tables four.
    """
    zone = zone_of(country, region, postal_code)
    fitting = [
        method
        for method in ShippingMethod.objects.filter(is_active=True)
        if is_offered(method, zone, country) and method.takes(goods_minor=goods_minor, weight_grams=weight_grams)
    ]
    if not fitting:
        return []
    prefetch_related_objects([method for method in fitting if method.has_table], "rates")
    calendar = calendars(country, now)
    found = [
        Option(
            method,
            method.price_for(goods_minor, weight_grams=weight_grams, quantity=quantity),
            expected(method, calendar, country=country, now=now),
        )
        for method in fitting
    ]
    return sorted(found, key=lambda option: (option.method.is_pickup, option.price_minor, option.last))


def zone_of(country: str, region: str = "", postal_code: str = "") -> Zone | None:
    """The narrowest zone that holds the place: by postal code, by region, by country, the rest of the world."""
    zones = Zone.objects.filter(Q(countries=[]) | Q(countries__contains=[country]))
    holding = [zone for zone in zones if zone.holds(country, region, postal_code)]
    return max(holding, key=lambda zone: zone.narrowness, default=None)


def is_served(country: str, region: str = "", postal_code: str = "") -> bool:
    """Whether something can be delivered there at all, whatever it weighs and costs."""
    zone = zone_of(country, region, postal_code)
    methods = ShippingMethod.objects.filter(Q(zone=zone) | Q(zone=None) if zone else Q(zone=None), is_active=True)
    return any(is_offered(method, zone, country) for method in methods)


def served_countries(known: Sequence[str]) -> list[str]:
    """Those of the `known` countries in which some place is served. Two queries."""
    everywhere = ShippingMethod.objects.filter(zone=None, is_active=True).values_list("countries", flat=True)
    served = {country for countries in everywhere for country in countries or known}
    has_method = Exists(ShippingMethod.objects.filter(zone=OuterRef("pk"), is_active=True))
    own_zone: set[str] = set()
    rest_is_served = False
    for zone in Zone.objects.annotate(has_method=has_method):
        served |= set(zone.countries) if zone.has_method else set()
        own_zone |= set(zone.countries) if zone.is_whole else set()
        rest_is_served |= zone.has_method and not zone.countries
    if rest_is_served:
        served |= set(known) - own_zone
    return [country for country in known if country in served]


def is_offered(method: ShippingMethod, zone: Zone | None, country: str) -> bool:
    in_zone = method.zone_id is None or (zone is not None and method.zone_id == zone.pk)
    return in_zone and (not method.countries or country in method.countries)


# --- When it arrives


def calendars(country: str, now: datetime) -> Callable[[Sequence[int], str], Calendar]:
    """Makes the calendar of weekdays in a country, this one or the shop's own; one query for the holidays of both."""
    today = timezone.localdate(now)
    rows = Holiday.objects.filter(
        date__range=(today, today + timedelta(days=HORIZON_DAYS)), country__in={"", country, settings.SHOP_COUNTRY}
    )
    holidays = list(rows.values_list("date", "country"))

    def calendar(weekdays: Sequence[int], place: str) -> Calendar:
        return Calendar(frozenset(weekdays), frozenset(day for day, where in holidays if where in {"", place}))

    return calendar


def expected(
    method: ShippingMethod, calendar: Callable[[Sequence[int], str], Calendar], *, country: str, now: datetime
) -> Estimate:
    """A pick-up is ready where the shop is."""
    leaving = calendar(method.leaves_on, settings.SHOP_COUNTRY)
    return estimate(
        now,
        zone=timezone.get_default_timezone(),
        cut_off=method.cut_off,
        handling_days=method.handling_days,
        min_days=method.min_days,
        max_days=method.max_days,
        leaving=leaving,
        arriving=leaving if method.is_pickup else calendar(method.arrives_on, country),
    )


def tracking_link(code: str, tracking_number: str) -> str:
    """Where a parcel sent by the method of that code is followed; empty where nobody knows."""
    method = ShippingMethod.objects.filter(code=code).first() if code and tracking_number else None
    return method.link(tracking_number) if method else ""
