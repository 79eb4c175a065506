"""Apple's dates, such as "2024-03-31 08:15:00 +0200", to seconds since the epoch: millions of times."""

from datetime import UTC, date, datetime, timedelta

MAX_CACHED_DAYS = 50_000  # More than a hundred years, with one offset from UTC for each day.
DAY_SECONDS = 86_400
FIRST_SUMMARY_YEAR = 1990

_EPOCH = date(1970, 1, 1).toordinal()


class Clock:
    """Reads dates, and keeps what days and times of day it has seen.

    Attributes:
        times: The seconds since midnight of the times of day that it has seen.
    """

    def __init__(self) -> None:
        self._midnights: dict[str, int] = {}
        self.times: dict[str, int] = {}

    def seconds(self, text: str) -> int:
        """Return the seconds since the epoch.

        Raises:
            ValueError: The text is no such date.
        """
        try:
            return self._midnights[text[:10] + text[19:]] + self.times[text[11:19]]
        except KeyError:
            return self._read(text)

    def _read(self, text: str) -> int:
        moment = datetime.strptime(text, "%Y-%m-%d %H:%M:%S %z")
        if not 1900 <= moment.year < 2100:
            raise ValueError("a year that nobody measures in")
        offset = moment.utcoffset() or timedelta()
        midnight = (moment.toordinal() - _EPOCH) * DAY_SECONDS - int(offset.total_seconds())
        time = moment.hour * 3600 + moment.minute * 60 + moment.second
        if len(text) == 25:  # Apple's usual format, in which all parts have fixed positions.
            if len(self._midnights) >= MAX_CACHED_DAYS:
                self._midnights.clear()
            self._midnights[text[:10] + text[19:]] = midnight
            self.times[text[11:19]] = time
        return midnight + time


def offset_seconds(text: str) -> int:
    """Return the offset from UTC at the end of a date, in seconds."""
    sign = -1 if text[20] == "-" else 1
    return sign * (int(text[21:23]) * 3600 + int(text[23:25]) * 60)


def midnight_utc(day: str) -> int:
    """Return the seconds since the epoch of a day's midnight in UTC.

    Raises:
        ValueError: The text is no day such as "2024-03-31".
    """
    found = date.fromisoformat(day)
    if not FIRST_SUMMARY_YEAR <= found.year < 2100:
        raise ValueError("a day before there were devices that count")
    return (found.toordinal() - _EPOCH) * DAY_SECONDS


def day_of(seconds: int) -> str:
    """Return the day of a moment, by the clocks of UTC."""
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
