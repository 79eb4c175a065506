"""The operator is told once of each problem, and once that it is gone, by mail and webhook."""

import base64
import json
import queue
import socketserver
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import delete

from privateshare.errors import ConfigurationError
from privateshare.platform.alerts import LOOK_INTERVAL, THOROUGH_INTERVAL, look_if_due, open_problems, tell
from privateshare.platform.db.tables import AlertRow
from privateshare.platform.diagnosis.backups import judge_backups, newest_backup
from privateshare.platform.diagnosis.expiries import judge_end
from privateshare.platform.diagnosis.findings import Finding, State
from privateshare.platform.operating.notices import Notice, NoticeNotSent, channels
from privateshare.platform.operating.settings import Settings, load_settings
from privateshare.platform.runtime import Platform
from tests.flow.command_line import OperatorCommand, run_command
from tests.flow.served import Served
from tests.threads import in_a_thread

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
BROKEN = Finding(State.PROBLEM, "queue", "7 jobs wait", "Start more workers")
WORSE = Finding(State.PROBLEM, "queue", "9 jobs wait", "Start more workers")
SOUND = Finding(State.OK, "queue", "0 jobs wait")
SOON = Finding(State.WARNING, "contracts", "one ends", "Register a new one", tell=True)
MILD = Finding(State.WARNING, "metrics", "off", "Set a token")


@dataclass
class Receivers:
    """A mail server and a web server on this machine, and what they received."""

    smtp: str = ""
    web: str = ""
    mails: "queue.Queue[bytes]" = field(default_factory=queue.Queue)
    logins: "queue.Queue[str]" = field(default_factory=queue.Queue)
    posts: "queue.Queue[dict[str, str]]" = field(default_factory=queue.Queue)
    status: int = 200
    refuses_mail: bool = False


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    """Provide both servers."""
    found = Receivers()

    class Mail(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.answer("220 ready")
            while line := self.rfile.readline().decode().strip():
                command = line.split()[0].upper()
                if command == "EHLO":
                    self.answer("250-here", "250 AUTH PLAIN")
                elif command == "AUTH":
                    found.logins.put(base64.b64decode(line.split()[-1]).decode())
                    self.answer("235 yes")
                elif command == "RCPT" and found.refuses_mail:
                    self.answer("550 nobody")
                elif command == "DATA":
                    self.answer("354 go on")
                    found.mails.put(b"".join(iter(self.rfile.readline, b".\r\n")))
                    self.answer("250 taken")
                elif command == "QUIT":
                    self.answer("221 bye")
                    return
                else:
                    self.answer("250 yes")

        def answer(self, *lines: str) -> None:
            self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())

    class Web(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.posts.put(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(found.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    mail, web = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail), ThreadingHTTPServer(("127.0.0.1", 0), Web)
    with in_a_thread(mail) as mail_at, in_a_thread(web) as web_at:
        found.smtp = f"smtp://post:s%40cret@{mail_at}"
        found.web = f"http://{web_at}/hook"
        yield found


@pytest.fixture
async def clean(platform: Platform) -> Platform:
    """Provide the platform without alerts of other tests."""
    async with platform.database.transaction() as db:
        await db.execute(delete(AlertRow))
    return platform


async def test_once_for_each_problem_and_once_for_its_end(clean: Platform) -> None:
    """Not for what lasts a moment, not again when it changes, and not before a message really left."""
    sent: list[Notice] = []
    works = True

    async def send(notice: Notice) -> None:
        if not works:
            raise NoticeNotSent("down")
        sent.append(notice)

    async def look(minutes: int, *findings: Finding) -> list[str]:
        sent.clear()
        await tell(clean, {"test": send}, findings, NOW + timedelta(minutes=minutes))
        return [f"{notice.data['state']} {notice.data['subject']}" for notice in sent]

    assert await look(0, BROKEN, MILD) == []
    assert await look(5, SOUND, MILD) == []  # It was over before anybody was told.
    assert await look(10, BROKEN) == []
    works = False
    assert await look(15, BROKEN) == []
    works = True
    assert await look(20, BROKEN, SOON) == ["problem queue"]
    assert "Start more workers" in sent[0].text
    assert await look(25, WORSE, SOON) == ["problem contracts"]
    assert await look(30, WORSE, SOON) == []
    assert await look(35, SOON) == []  # Nobody looked at the queue, so it is not solved.
    works = False
    assert await look(40, SOUND, SOON) == []
    works = True
    assert await look(45, SOUND, SOON) == ["solved queue"]
    assert await look(50, SOUND) == []
    async with clean.database.transaction() as db:
        assert [row.subject for row in await open_problems(db)] == ["contracts"]


async def test_it_came_back_before_its_end_was_told(clean: Platform) -> None:
    """Then it never ended, for the operator."""
    sent: list[Notice] = []

    async def refuse(notice: Notice) -> None:
        raise NoticeNotSent("down")

    async def send(notice: Notice) -> None:
        sent.append(notice)

    for minutes, way, finding in ((0, send, BROKEN), (5, send, BROKEN), (10, refuse, SOUND), (15, send, BROKEN)):
        await tell(clean, {"test": way}, [finding], NOW + timedelta(minutes=minutes))
    assert [notice.data["state"] for notice in sent] == ["problem"]


async def test_one_of_all_processes_looks(clean: Platform) -> None:
    """Whoever is first; the others have nothing to do until it is due again, also after the clock jumped back."""
    now = datetime.now(UTC)
    assert await look_if_due(clean, {}, now)
    assert not await look_if_due(clean, {}, now + timedelta(seconds=1))
    assert await look_if_due(clean, {}, now + LOOK_INTERVAL)
    assert await look_if_due(clean, {}, now)
    assert THOROUGH_INTERVAL > LOOK_INTERVAL


def settings(receivers: Receivers) -> dict[str, str]:
    return {
        "PRIVATESHARE_ALERT_EMAILS": "ann@example.org, bob@example.org",
        "PRIVATESHARE_SMTP_URL": receivers.smtp,
        "PRIVATESHARE_ALERT_WEBHOOK": receivers.web,
    }


def test_the_command_sends_a_test(served: Served, receivers: Receivers) -> None:
    """Mail and webhook arrive; a failure ends with status 1, says which, and shows no password."""
    environment = {"PATH": "/usr/bin:/bin", **settings(receivers)}
    done = run_command("alert", "test", "--json", "--data", served.data, environment=environment)
    assert done.returncode == 0, done.stderr
    assert [entry["way"] for entry in json.loads(done.stdout)] == ["mail", "webhook"]
    mail = message_from_bytes(receivers.mails.get_nowait(), policy=policy.default)
    assert mail["To"] == "ann@example.org, bob@example.org"
    assert "[PrivateShare] test" in str(mail["Subject"])
    assert receivers.logins.get_nowait() == "\0post\0s@cret"
    assert receivers.posts.get_nowait()["state"] == "test"
    receivers.status, receivers.refuses_mail = 302, True
    failed = run_command("alert", "test", "--data", served.data, environment=environment)
    assert failed.returncode == 1
    assert "it answered 302" in failed.stdout
    assert "127.0.0.1" in failed.stdout
    assert not [secret for secret in ("cret", "/hook") if secret in failed.stdout + failed.stderr]


def test_without_receivers_the_command_says_what_to_set(served: Served) -> None:
    """Also the list works, and is empty or has the problems of this platform."""
    command = OperatorCommand(served.data)
    assert "PRIVATESHARE_ALERT_EMAILS" in command.error("alert", "test")
    assert isinstance(command.json("alert", "list"), list)


async def test_mail_that_would_leave_the_machine_without_tls_is_not_sent(tmp_path: Path, receivers: Receivers) -> None:
    """A server elsewhere must offer TLS: the connection is closed before the password."""
    elsewhere = receivers.smtp.replace("127.0.0.1", "0.0.0.0")
    (send,) = channels(Settings(data=tmp_path, alert_emails=("a@b.example",), smtp_url=elsewhere)).values()  # type: ignore[arg-type]
    with pytest.raises(NoticeNotSent) as failure:
        await send(Notice("title", "text", {}))
    assert receivers.logins.empty()
    assert receivers.mails.empty()
    assert "cret" not in str(failure.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALERT_EMAILS", "nobody"),
        ("ALERT_EMAILS", "a@b.example\r\nBcc: x@y.example"),
        ("ALERT_SENDER", "not an address"),
        ("ALERT_WEBHOOK", "ftp://x"),
        ("SMTP_URL", "post.example.net"),
    ],
)
def test_wrong_settings_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """In one line, without the value."""
    monkeypatch.setenv(f"PRIVATESHARE_{name}", value)
    with pytest.raises(ConfigurationError) as failure:
        load_settings()
    assert name.lower() in str(failure.value)
    assert value not in str(failure.value)


def test_mail_needs_a_server(tmp_path: Path) -> None:
    """Otherwise the operator would believe that they are told."""
    with pytest.raises(ConfigurationError, match="no mail server"):
        channels(Settings(data=tmp_path, alert_emails=("a@b.example",)))


@pytest.mark.parametrize(
    ("days", "state"), [(100, State.OK), (13, State.WARNING), (2, State.PROBLEM), (-1, State.PROBLEM)]
)
def test_a_certificate_is_judged_by_its_end(days: int, state: State) -> None:
    """The operator is told of all but a distant end."""
    found = judge_end(NOW + timedelta(days=days), NOW)
    assert (found.state, found.is_alarming) == (state, state is not State.OK)


@pytest.mark.parametrize(
    ("names", "state"),
    [
        ([], State.PROBLEM),
        (["20260531t120100z"], State.OK),
        (["20260531t120100z", "something else"], State.OK),
        (["something else"], State.PROBLEM),
        (["20260501t000000z", "20260531t010000z"], State.OK),
        (["20260501t000000z", "20260530t235900z"], State.PROBLEM),
    ],
)
def test_a_backup_is_judged_by_the_age_of_the_newest(names: list[str], state: State) -> None:
    """Here 36 hours is the limit, and the time is noon of June 1."""
    assert judge_backups(names, timedelta(hours=36), NOW).state is state


def test_the_place_of_backups_is_looked_at(tmp_path: Path) -> None:
    """A place without a backup is a problem; without a place it is only said."""
    assert newest_backup(Settings(data=tmp_path), NOW).state is State.WARNING
    found = newest_backup(Settings(data=tmp_path, backup_url=(tmp_path / "backups").as_uri()), NOW)  # type: ignore[arg-type]
    assert found.state is State.PROBLEM
