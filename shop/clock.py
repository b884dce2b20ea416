"""Time: UTC inside, Asia/Shanghai where people read it."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


def utcnow() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def shanghai(moment: datetime) -> datetime:
    """The same moment on the clocks of Wuhan and Nedong."""
    return moment.astimezone(SHANGHAI)


def shanghai_day(moment: datetime) -> date:
    """The calendar day in Wuhan at that moment: shelf life and capacity are counted in these."""
    return shanghai(moment).date()
