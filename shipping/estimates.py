"""When a parcel leaves and when it arrives. Pure: no row is read, the time is passed in. docs/algorithms/shipping.md"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

# A calendar without a working day is answered, not searched for ever.
HORIZON_DAYS = 366


@dataclass(frozen=True)
class Calendar:
    """On which days somebody works. Monday is 0, as everywhere in Python."""

    weekdays: Collection[int]
    holidays: Collection[date] = ()

    def works_on(self, day: date) -> bool:
        return day.weekday() in self.weekdays and day not in self.holidays

    def from_(self, day: date) -> date:
        """The day itself or the next working one."""
        days = (day + timedelta(days=count) for count in range(HORIZON_DAYS))
        return next((found for found in days if self.works_on(found)), day)

    def after(self, day: date, count: int) -> date:
        """The working day `count` working days later; for 0 as `from_`."""
        for _ in range(count):
            day = self.from_(day + timedelta(days=1))
        return self.from_(day)


@dataclass(frozen=True)
class Estimate:
    """`leaves`, and `first` to `last` on which it arrives; all of it holds for an order before `order_by`."""

    leaves: date
    first: date
    last: date
    order_by: datetime | None

    def time_left(self, now: datetime) -> str:
        """Until the parcel would leave later, in words: "3 h 20 min". Empty without a cut-off in the next 24 hours."""
        if self.order_by is None:
            return ""
        # Aware times of one zone are subtracted by their clocks, which is an hour off when the clocks change between.
        minutes = int((self.order_by.astimezone(UTC) - now.astimezone(UTC)).total_seconds()) // 60
        if not 0 < minutes < 24 * 60:
            return ""
        hours, minutes = divmod(minutes, 60)
        return " ".join(part for part in (f"{hours} h" if hours else "", f"{minutes} min" if minutes else "") if part)


def estimate(
    now: datetime,
    *,
    zone: tzinfo,
    cut_off: time | None,
    handling_days: int,
    min_days: int,
    max_days: int,
    leaving: Calendar,
    arriving: Calendar,
) -> Estimate:
    """What an order of this moment can expect; `zone` is where the warehouse's clock hangs.

    It is packed on the first day of `leaving` whose `cut_off` is still ahead, leaves `handling_days` working days
    later and travels `min_days` to `max_days` days of `arriving`.
    """
    local = now.astimezone(zone)
    day = local.date()
    if cut_off is not None and local.time().replace(tzinfo=None) >= cut_off:
        day += timedelta(days=1)
    packed = leaving.from_(day)
    leaves = leaving.after(packed, handling_days)
    order_by = datetime.combine(packed, cut_off, tzinfo=zone) if cut_off is not None else None
    return Estimate(leaves, arriving.after(leaves, min_days), arriving.after(leaves, max_days), order_by)
