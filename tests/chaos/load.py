"""People and apps that use a platform through its API, and remember what they were told."""

import gzip
import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID

import httpx2
from examples.walking import Browser, consent

from tests.flow.consenting import ask
from tests.flow.people import SPOTIFY
from tests.flow.pushing import IMPORT, descriptor
from tests.flow.sessions import QUERY, TRIGGER
from tests.flow.wire import Tokens, Wire, unb64, unsealed

WITHDRAWN_WORKS_AFTER_SECONDS = 1.0
PAUSE_SECONDS = 0.3
PATIENCE_SECONDS = 30.0
GZIP = {"accept": {"compression": "gzip"}}
ACCOUNTS = "permission-access/accounts"
TEMPORARY = {429, 500, 502, 503, 504}


class NoAnswer(Exception):
    """The platform did not answer, or said that it cannot now. Whether it did what was asked is unknown."""


class PatientClient(httpx2.Client):
    """A client that repeats what is not answered, as people reload a page. Forms that are sent twice work once."""

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request until it is answered, for a while."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = super().send(request, **options)
                if answer.status_code not in TEMPORARY or time.monotonic() > give_up:
                    return answer
            except httpx2.TransportError:
                if time.monotonic() > give_up:
                    raise
            time.sleep(PAUSE_SECONDS)


@dataclass
class Person:
    """Somebody who agreed to a contract, and what is known about it."""

    wire: Wire
    tokens: Tokens
    files: dict[str, tuple[int, str]] = field(default_factory=dict)
    ended: str = ""  # "withdrawn" or "erased", once the platform said so.
    ended_at: float = 0.0
    unsure: bool = False  # It was asked to end this person's consent, and did not answer.

    @property
    def stays(self) -> bool:
        """Return whether the consent was not asked to end."""
        return not self.ended and not self.unsure

    @property
    def consent_id(self) -> UUID:
        """Return the id of the consent."""
        return UUID(self.tokens.claims["consentid"])


@dataclass
class Inbox:
    """Somebody to whom an app pushes files: the hashes of those that were sent, and of those acknowledged."""

    pushing: Tokens
    reading: Tokens
    tried: list[str] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)


@dataclass
class Counts:
    """What happened, for the report. What was slow is no violation: other programs may have used the machine."""

    done: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, what: str) -> None:
        """Count something that was done."""
        with self.lock:
            self.done[what] = self.done.get(what, 0) + 1

    def report(self, violation: str) -> None:
        """Record a broken promise."""
        with self.lock:
            self.violations.append(violation)


@dataclass
class Apps:
    """The contracts of one partner: one that reads, one that pushes files, one that reads them back."""

    reading: Wire
    pushing: Wire
    reading_raw: Wire


def answered(call: Callable[[], httpx2.Response]) -> httpx2.Response:
    """Return the answer to a call. Raises NoAnswer if there is none, or only that it cannot be done now."""
    try:
        answer = call()
    except httpx2.TransportError as error:
        raise NoAnswer from error
    if answer.status_code in TEMPORARY:
        raise NoAnswer(str(answer.status_code))
    return answer


def until_answered(call: Callable[[], httpx2.Response], seconds: float = 120) -> httpx2.Response:
    """Repeat a call until it is answered. Raises NoAnswer after a while."""
    give_up = time.monotonic() + seconds
    while True:
        try:
            return answered(call)
        except NoAnswer:
            if time.monotonic() > give_up:
                raise
            time.sleep(PAUSE_SECONDS)


@contextmanager
def _failures_are_no_answers() -> Iterator[None]:
    """Count a journey or a call that broke off as unanswered."""
    try:
        yield
    except (AssertionError, httpx2.HTTPError, KeyError, RuntimeError, ValueError) as error:
        raise NoAnswer from error


class Actor:
    """Two threads of calls, with people and inboxes of its own."""

    def __init__(
        self, apps: Apps, inboxes: list["Inbox"], seed: int, counts: Counts, withdraw: Callable[[Person], None]
    ) -> None:
        self._apps, self._counts, self._withdraw_now = apps, counts, withdraw
        self._chance = random.Random(seed)
        self.inboxes = inboxes
        self.people: list[Person] = []

    @property
    def reading(self) -> Wire:
        """Return the contract that reads."""
        return self._apps.reading

    def run(self, until: float) -> None:
        """Let people share a sample, and an app read it, until a time."""
        self._run(until, self._apps.reading, (self.share, self.fetch))

    def run_pushes(self, until: float) -> None:
        """Let people agree to get files, and an app push some, until a time. Nothing of it waits for a sync."""
        self._run(until, self._apps.pushing, (self.share, self.push, self.push))

    def _run(self, until: float, wire: Wire, uses: Sequence[Callable[[Wire], None]]) -> None:
        """Let as many people come as go. Everything happens once in a random order before anything happens again."""
        left: list[Callable[[Wire], None]] = []
        while time.monotonic() < until:
            if not left:
                left = [*uses, self.share, self.refresh, self.refresh, self.withdraw, self.erase]
                self._chance.shuffle(left)
            action = left.pop() if self.living(wire) else self.share
            try:
                action(wire)
            except NoAnswer:
                self._counts.count("calls without an answer")
                time.sleep(PAUSE_SECONDS)

    def living(self, wire: Wire) -> list[Person]:
        """Return the people of a contract whose consent was not asked to end."""
        return [person for person in self.people if person.wire is wire and person.stays]

    def share(self, wire: Wire) -> None:
        """Let a new person agree on the pages. A journey that is interrupted is left behind."""
        sources = {SPOTIFY: "small"} if wire is self._apps.reading else {}
        with _failures_are_no_answers(), PatientClient(timeout=60) as http:
            asking = ask(Wire(wire.origin, wire.application_id, wire.contract_id, wire.key, http=http))
            returned = consent(Browser(http), asking.url, sources)
            self.people.append(Person(wire, asking.tokens(returned)))
        self._counts.count("consents")

    def fetch(self, wire: Wire) -> None:
        """Begin a session, wait for its end, and read everything."""
        self.check_files(self._chance.choice(self.living(wire)))

    def check_files(self, person: Person) -> bool:
        """Read all files of a person, and compare them with those that were read first: none lost, torn or twice."""
        found = self.read_all(person)
        if found is None:
            self._counts.count("sessions without all data")
            return False
        self._counts.count("sessions read")
        person.files = person.files or found
        if not found or found != person.files:
            self._counts.report(f"a session has other files than before: {sorted(found)} for {sorted(person.files)}")
        return True

    def read_all(self, person: Person) -> dict[str, tuple[int, str]] | None:
        """Return the files of a new session; None if it ended without all data, as its status says."""
        wire = self._apps.reading
        answer = answered(lambda: wire.post(TRIGGER, access_token=person.tokens.access, body=GZIP))
        self._must_work(answer, 202, "trigger")
        session = answer.json()["session"]["key"]
        listed = self._ended_list(person, session)
        if listed["status"]["state"] != "completed":
            return None
        found = {}
        for entry in listed["fileList"]:
            if entry["name"] != "accounts.json":
                objects, digest = self._read(person, session, entry["name"])
                if len(objects) != entry["objectCount"] or len({json.dumps(one) for one in objects}) != len(objects):
                    self._counts.report(f"a file has objects twice or too few: {entry['name']}")
                found[entry["name"]] = (len(objects), digest)
        return found

    def _read(self, person: Person, session: str, name: str) -> tuple[list[Any], str]:
        wire = self._apps.reading
        headers = {"Accept": "application/octet-stream"}
        answer = until_answered(
            lambda: wire.get(f"{QUERY}/{session}/{name}", access_token=person.tokens.access, headers=headers)
        )
        self._must_work(answer, 200, "file")
        plain = gzip.decompress(unsealed(answer.content, wire.key))
        told = json.loads(unb64(answer.headers["x-metadata"]))
        if (told["size"], told["sha256"]) != (len(plain), sha256(plain).hexdigest()):
            self._counts.report(f"a file is torn: {name}")
        return json.loads(plain), told["sha256"]

    def _ended_list(self, person: Person, session: str) -> dict[str, Any]:
        give_up = time.monotonic() + 240
        wire = self._apps.reading
        while True:
            answer = until_answered(lambda: wire.get(f"{QUERY}/{session}", access_token=person.tokens.access))
            self._must_work(answer, 200, "file list")
            listed: dict[str, Any] = answer.json()
            if listed["status"]["state"] not in ("running", "pending"):
                return listed
            if time.monotonic() > give_up:
                self._counts.report("a session did not end within four minutes")
                raise NoAnswer
            time.sleep(PAUSE_SECONDS)

    def refresh(self, wire: Wire) -> None:
        """Refresh a person's tokens. Without an answer the old token must still work, for some seconds."""
        person = self._chance.choice(self.living(wire))
        answer = until_answered(lambda: wire.refresh(person.tokens.refresh), seconds=20)
        if answer.status_code == 200:
            with _failures_are_no_answers():
                person.tokens = wire.tokens(answer)
            self._counts.count("refreshes")
        else:  # An answer that never came had rotated the token, and the time in which it works again is over.
            person.unsure = True
            self._counts.count("grants lost by unanswered refreshes")

    def push(self, wire: Wire) -> None:
        """Push a file, with the same request until it is answered."""
        inbox = self._chance.choice(self.inboxes)
        content = os.urandom(self._chance.choice((10, 5_000, 200_000)))
        headers, token = descriptor(wire), wire.jwt(access_token=inbox.pushing.access)
        inbox.tried.append(sha256(content).hexdigest())
        answer = until_answered(lambda: wire.post(IMPORT, jwt=token, content=content, headers=headers), seconds=30)
        self._must_work(answer, 200, "push")
        inbox.acknowledged.append(inbox.tried[-1])
        self._counts.count("pushes")

    def check_inbox(self, inbox: Inbox) -> None:
        """Read all files that were pushed to a person: those acknowledged must be there, and none twice."""
        wire, access = self._apps.reading_raw, inbox.reading.access
        options = {"accept": {"compression": "none"}}
        answer = until_answered(lambda: wire.post(TRIGGER, access_token=access, body=options))
        self._must_work(answer, 202, "trigger")
        session = answer.json()["session"]["key"]
        listed = until_answered(lambda: wire.get(f"{QUERY}/{session}", access_token=access)).json()
        found = []
        for entry in listed["fileList"]:
            path = f"{QUERY}/{session}/{entry['name']}"
            answer = until_answered(lambda: wire.get(path, access_token=access))  # noqa: B023 - it runs within this turn
            if answer.status_code == 200 and entry["name"] != "accounts.json":
                found.append(sha256(unsealed(answer.content, wire.key)).hexdigest())
        for digest in set(inbox.acknowledged) - set(found):
            self._counts.report(f"a pushed file that was acknowledged is lost: {digest}")
        if len(set(found)) != len(found) or set(found) - set(inbox.tried):
            self._counts.report("a pushed file is there twice, or was never pushed")

    def withdraw(self, wire: Wire) -> None:
        """Withdraw a consent, and look a second later whether anything can be read."""
        person = self._chance.choice(self.living(wire))
        person.unsure = True
        try:
            self._withdraw_now(person)
        except Exception as error:
            raise NoAnswer from error
        person.ended, person.ended_at = "withdrawn", time.monotonic()
        self._counts.count("withdrawals")
        time.sleep(WITHDRAWN_WORKS_AFTER_SECONDS)
        self.check_ended(person)

    def erase(self, wire: Wire) -> None:
        """Erase a person by the app's request, which is repeated until it is answered."""
        person = self._chance.choice(self.living(wire))
        person.unsure = True
        token = wire.jwt(access_token=person.tokens.access)
        answer = until_answered(lambda: wire.call("DELETE", "user", jwt=token), seconds=30)
        if answer.status_code not in (200, 204, 401, 403):
            self._counts.report(f"an erasure is answered with {answer.status_code}: {answer.text[:200]}")
        person.ended, person.ended_at = "erased", time.monotonic()
        self._counts.count("erasures")
        time.sleep(WITHDRAWN_WORKS_AFTER_SECONDS)
        self.check_ended(person)

    def check(self, person: Person) -> None:
        """Look at a person when nothing fails: all data of who stays is there, and nothing of who ended it."""
        if person.ended:
            self.check_ended(person)
        elif person in self.living(self._apps.reading) and not any(self.check_files(person) for _ in range(3)):
            self._counts.report("a session ends without all data although nothing fails")

    def check_ended(self, person: Person) -> None:
        """Check that the tokens of somebody who ended it are refused."""
        wire, access = person.wire, person.tokens.access
        calls = [lambda: wire.refresh(person.tokens.refresh)]
        if wire is self._apps.pushing:
            calls += [lambda: wire.post(IMPORT, access_token=access, content=b"x", headers=descriptor(wire))]
        else:
            calls += [lambda: wire.get(ACCOUNTS, access_token=access)]
            calls += [lambda: wire.post(TRIGGER, access_token=access, body={})]
        for call in calls:
            answer = until_answered(call)
            if answer.status_code < 400:
                self._counts.report(f"a token works after its person was {person.ended}: {answer.status_code}")

    def _must_work(self, answer: httpx2.Response, status: int, what: str) -> None:
        if answer.status_code != status:
            self._counts.report(f"{what} is answered with {answer.status_code}: {answer.text[:200]}")
            raise NoAnswer
