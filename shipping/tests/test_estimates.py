"""Days of arrival across cut-offs, weekends, holidays and changes of the clock."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from shipping.estimates import Calendar, Estimate, estimate

BERLIN = ZoneInfo("Europe/Berlin")
WEEK = Calendar(range(5))
WITH_SATURDAY = Calendar(range(6))
EASTER = Calendar(range(5), {date(2026, 4, 3), date(2026, 4, 6)})


def estimated(
    ordered: str,
    *,
    cut_off: time | None = time(14),
    handling: int = 0,
    days: tuple[int, int] = (1, 2),
    leaving: Calendar = WEEK,
    arriving: Calendar = WEEK,
) -> Estimate:
    return estimate(
        datetime.fromisoformat(ordered).replace(tzinfo=BERLIN).astimezone(UTC),
        zone=BERLIN,
        cut_off=cut_off,
        handling_days=handling,
        min_days=days[0],
        max_days=days[1],
        leaving=leaving,
        arriving=arriving,
    )


@pytest.mark.parametrize(
    ("ordered", "leaves", "first", "last"),
    [
        # 2026-07-01 is a Wednesday.
        ("2026-07-01T00:00", "2026-07-01", "2026-07-02", "2026-07-03"),
        ("2026-07-01T13:59:59.999999", "2026-07-01", "2026-07-02", "2026-07-03"),
        ("2026-07-01T14:00", "2026-07-02", "2026-07-03", "2026-07-06"),
        ("2026-07-01T23:59", "2026-07-02", "2026-07-03", "2026-07-06"),
        ("2026-07-03T13:59", "2026-07-03", "2026-07-06", "2026-07-07"),
        ("2026-07-03T14:00", "2026-07-06", "2026-07-07", "2026-07-08"),
        ("2026-07-04T09:00", "2026-07-06", "2026-07-07", "2026-07-08"),
        ("2026-07-05T23:59", "2026-07-06", "2026-07-07", "2026-07-08"),
        ("2026-07-06T00:00", "2026-07-06", "2026-07-07", "2026-07-08"),
        # The last of a year is a Thursday.
        ("2026-12-31T15:00", "2027-01-01", "2027-01-04", "2027-01-05"),
    ],
)
def test_an_order_before_the_cut_off_of_a_working_day_leaves_that_day(
    ordered: str, leaves: str, first: str, last: str
) -> None:
    found = estimated(ordered)
    assert tuple(map(str, (found.leaves, found.first, found.last))) == (leaves, first, last)


@pytest.mark.parametrize(
    ("ordered", "leaves", "first"),
    [
        ("2026-04-02T10:00", "2026-04-02", "2026-04-07"),  # Maundy Thursday: over Good Friday and Easter Monday
        ("2026-04-02T14:00", "2026-04-07", "2026-04-08"),
        ("2026-04-03T10:00", "2026-04-07", "2026-04-08"),
        ("2026-04-06T23:00", "2026-04-07", "2026-04-08"),
    ],
)
def test_holidays_are_no_working_days(ordered: str, leaves: str, first: str) -> None:
    found = estimated(ordered, leaving=EASTER, arriving=EASTER)
    assert (str(found.leaves), str(found.first)) == (leaves, first)


def test_each_end_has_its_own_calendar() -> None:
    found = estimated("2026-04-02T10:00", leaving=EASTER, arriving=WITH_SATURDAY)
    assert tuple(map(str, (found.leaves, found.first, found.last))) == ("2026-04-02", "2026-04-03", "2026-04-04")


@pytest.mark.parametrize(
    ("handling", "days", "leaves", "first", "last"),
    [
        (0, (0, 0), "2026-07-03", "2026-07-03", "2026-07-03"),
        (1, (0, 1), "2026-07-06", "2026-07-06", "2026-07-07"),
        (5, (3, 7), "2026-07-10", "2026-07-15", "2026-07-21"),
    ],
)
def test_handling_and_travel_count_working_days(
    handling: int, days: tuple[int, int], leaves: str, first: str, last: str
) -> None:
    found = estimated("2026-07-03T10:00", handling=handling, days=days)
    assert tuple(map(str, (found.leaves, found.first, found.last))) == (leaves, first, last)


def test_without_a_cut_off_midnight_is_one() -> None:
    found = estimated("2026-07-01T23:59", cut_off=None)
    assert (str(found.leaves), found.order_by) == ("2026-07-01", None)
    assert found.time_left(datetime(2026, 7, 1, tzinfo=UTC)) == ""


@pytest.mark.parametrize(
    ("ordered", "left"),
    [
        ("2026-07-01T10:40", "3 h 20 min"),
        ("2026-07-01T13:00", "1 h"),
        ("2026-07-01T13:59", "1 min"),
        ("2026-07-01T13:59:30", ""),  # less than a minute promises nothing
        ("2026-07-01T14:00", ""),  # the next one is a day away
        ("2026-07-01T14:01", "23 h 59 min"),
        ("2026-07-03T15:00", ""),  # Monday
        ("2026-07-05T20:00", "18 h"),
        # The clocks change in the night to Sunday: at 3 it is 2 again in October, at 2 it is 3 in March.
        ("2026-10-24T20:00", ""),
        ("2026-10-25T01:00", ""),
        ("2026-03-29T15:00", "23 h"),
    ],
)
def test_time_left_until_the_cut_off(ordered: str, left: str) -> None:
    now = datetime.fromisoformat(ordered).replace(tzinfo=BERLIN)
    assert estimated(ordered).time_left(now) == left


@pytest.mark.parametrize(
    ("ordered", "hours"), [("2026-10-24T20:00", 19), ("2026-03-28T20:00", 17), ("2026-07-04T20:00", 18)]
)
def test_the_hours_of_a_night_in_which_the_clocks_change(ordered: str, hours: int) -> None:
    """From Saturday 20:00 to Sunday 14:00 with a warehouse that works on Sundays."""
    everyday = Calendar(range(7))
    now = datetime.fromisoformat(ordered).replace(tzinfo=BERLIN)
    found = estimated(ordered, leaving=everyday)
    assert found.time_left(now) == f"{hours} h"
    assert found.order_by and found.order_by.astimezone(UTC) - now.astimezone(UTC) == timedelta(hours=hours)


def test_the_day_is_the_warehouses_own() -> None:
    """At 23:30 UTC on Friday it is Saturday in Berlin."""
    late = datetime(2026, 7, 3, 23, 30, tzinfo=UTC)
    found = estimate(
        late, zone=BERLIN, cut_off=None, handling_days=0, min_days=1, max_days=1, leaving=WEEK, arriving=WEEK
    )
    assert str(found.leaves) == "2026-07-06"


def test_a_calendar_without_working_days_is_answered() -> None:
    found = estimated("2026-07-03T10:00", leaving=Calendar(()), arriving=Calendar(()))
    assert str(found.leaves) == "2026-07-03"
