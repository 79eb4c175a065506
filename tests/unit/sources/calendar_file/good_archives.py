"""A good archive for tests/contract/test_sources.py."""

from tests.archives import zipped


def calendar(events: int) -> bytes:
    """A calendar with so many events, or if they are more than a thousand, with long lines that are not read."""
    picture = "ATTACH;ENCODING=BASE64:" + "A" * 60 * (events // 16) + "\r\n" if events > 1000 else ""
    listed = (
        f"BEGIN:VEVENT\r\nUID:{number}@example.org\r\nDTSTART:20260{1 + number % 9}01T1{number % 10}0000Z\r\n"
        f"SUMMARY:Hi {number}\r\n{picture}END:VEVENT\r\n"
        for number in range(min(events, 40))
    )
    text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" + "".join(listed) + "END:VCALENDAR\r\n"
    return zipped({"Home.ics": text.encode()})


GOOD_ARCHIVES = {9011: calendar}
FOREIGN = "holds no events"
