"""Asking until a rate limit refuses.

A limit is for the last 60 seconds, which are estimated from two minutes of the clock. So if a minute begins meanwhile,
or a machine is slow, some more requests are accepted than the limit.
"""

from collections.abc import Callable

import httpx2

TOO_MANY = 429


def until_refused(ask: Callable[[], httpx2.Response], limit: int) -> list[httpx2.Response]:
    """Ask until a request is refused, and return all responses, of which the last one is the refusal."""
    answers = [ask()]
    while answers[-1].status_code != TOO_MANY:
        assert len(answers) < 10 * limit, "nothing is refused"
        answers.append(ask())
    return answers
