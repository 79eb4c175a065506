"""How long a person waits for a page while others keep the platform busy, measured in a process of its own.

python -m tests.flow.page_times LINK    opens the link, and then its page again and again, each time over a new
                                        connection, until standard input ends; then prints the seconds as JSON
"""

import json
import sys
import threading
import time

import httpx2

PAUSE_SECONDS = 0.1


def measure(link: str, until: threading.Event) -> list[float]:
    """Return the seconds that each visit took."""
    with httpx2.Client(follow_redirects=True) as person:
        page = person.get(link)
        page.raise_for_status()
        cookies = dict(person.cookies)
    times = []
    while not until.wait(PAUSE_SECONDS):
        began = time.monotonic()
        httpx2.get(str(page.url), cookies=cookies).raise_for_status()
        times.append(time.monotonic() - began)
    return times


def end_with_input(ended: threading.Event) -> None:
    """Set the event when standard input is closed."""
    sys.stdin.read()
    ended.set()


if __name__ == "__main__":
    ended = threading.Event()
    threading.Thread(target=end_with_input, args=[ended], daemon=True).start()
    print(json.dumps(measure(sys.argv[1], ended)))
