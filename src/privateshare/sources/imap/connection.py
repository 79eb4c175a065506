"""A connection to an IMAP server (RFC 9051), of which only the public address that was checked is reached."""

import imaplib
import io
import re
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from privateshare.sources.contract import Broken, JsonObject, NeedsLogin, TryLater
from privateshare.sources.typed_servers import TypedServers, not_reachable, not_trusted
from privateshare.sources.web import ServerNotAllowed, ServerReach, public_address_of

TLS_PORT = 993
TIMEOUT_SECONDS = 60  # Applies between two parts of a response.
CONNECT_SECONDS = 10
SIGN_IN_SECONDS = 30  # A person waits for it. It applies from the connection to the response to the password.
REQUEST_SECONDS = 900  # The longest response to one request may take this long.
MAX_MESSAGE_BYTES = 8 * 1024 * 1024  # What is beyond is attachments, of which only the size is kept.
MAX_FOLDERS = 2000
MESSAGES_PER_REQUEST = 50
BYTES_PER_REQUEST = 16 * 1024 * 1024  # The client keeps a whole response in memory, with the messages in it.
MAX_RESPONSE_BYTES = 16 * 1024 * 1024

_LISTED = re.compile(rb'^\((?P<flags>[^)]*)\) (?P<delimiter>"(?:[^"\\]|\\.)"|NIL) (?P<name>.*)$', re.DOTALL)
_SIZE = re.compile(rb"RFC822\.SIZE (\d{1,18})")
_UID = re.compile(rb"UID (\d{1,18})")
_NUMBER = re.compile(rb"(?<!\S)\d{1,10}(?!\S)")


class _BoundedSocket(io.RawIOBase):
    """What a server sends, with limits of size and time for each response: a server can send without end."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self.allow(MAX_RESPONSE_BYTES, SIGN_IN_SECONDS)

    def allow(self, size: int, seconds: float) -> None:
        """Begin a request, whose response has these limits."""
        self.remaining_bytes, self._deadline = size, time.monotonic() + seconds

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes. Raises OSError if the response exceeds a limit."""
        remaining_seconds = self._deadline - time.monotonic()
        if remaining_seconds <= 0 or self.remaining_bytes <= 0:
            raise OSError("the response is too large or takes too long")
        self._socket.settimeout(min(TIMEOUT_SECONDS, remaining_seconds))
        received = self._socket.recv_into(buffer)
        self.remaining_bytes -= received
        return received


class _PinnedImap(imaplib.IMAP4):
    """A client that connects to one address, and checks the certificate of the name that the person typed.

    The responses of the server have limits.
    """

    def __init__(self, address: str, host: str, port: int, context: ssl.SSLContext | None) -> None:
        self._address, self._context = address, context
        super().__init__(host, port, CONNECT_SECONDS)

    def allow(self, size: int = MAX_RESPONSE_BYTES, seconds: float = REQUEST_SECONDS) -> None:
        """Begin a request, whose response has these limits."""
        self._limits.allow(size, seconds)

    def open(self, host: str = "", port: int = TLS_PORT, timeout: float | None = None) -> None:
        """Open the connection."""
        self.host, self.port = host, port
        plain = socket.create_connection((self._address, port), timeout)
        self.sock = plain if self._context is None else self._context.wrap_socket(plain, server_hostname=host)
        self.sock.settimeout(TIMEOUT_SECONDS)
        self._limits = _BoundedSocket(self.sock)
        self.file = io.BufferedReader(self._limits)

    def read(self, size: int) -> bytes:
        """Read bytes whose number the server names. Raises `abort` if it names more than a response may have."""
        if size > self._limits.remaining_bytes + io.DEFAULT_BUFFER_SIZE:  # Some may be in the buffer already.
            raise self.abort("the response is too large")
        return super().read(size)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of a mailbox.

    Attributes:
        name: Its name as the server writes it, quoted.
        shown: Its name for people.
        validity: A number that changes if the numbers of messages have a new meaning.
        next_number: The number of the next message that arrives.
    """

    name: str
    shown: str
    validity: int
    next_number: int


class Mailbox:
    """The mailbox of a person. It is a context manager."""

    def __init__(self, servers: TypedServers, known: JsonObject) -> None:
        """Connect and sign in. Raises NeedsLogin, TryLater or Broken."""
        self._imap = _connect(servers, str(known["host"]), int(known["port"]))
        try:
            _sign_in(self._imap, known)
        except BaseException:  # The caller has no mailbox to close yet.
            self._close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    def folders(self) -> Iterator[Folder]:
        """Yield the folders that hold messages, without those of deleted and unwanted mail, and of all mail again."""
        for flags, name, shown in self._listed()[:MAX_FOLDERS]:
            if flags & {"\\noselect", "\\nonexistent", "\\trash", "\\junk", "\\all", "\\drafts"}:
                continue
            with _failures():
                self._imap.allow()
                status, _ = self._imap.select(name, readonly=True)
                if status != "OK":
                    continue
                validity, following = (self._imap.response(word)[1] for word in ("UIDVALIDITY", "UIDNEXT"))
            yield Folder(name, shown, _number(validity), _number(following))

    def numbers(self, since: int) -> list[int]:
        """Return the numbers of the messages of the selected folder, from a number on."""
        with _failures():
            self._imap.allow()
            status, found = self._imap.uid("SEARCH", f"UID {since}:*")
        lines = (line for line in found if isinstance(line, bytes)) if status == "OK" else ()
        numbers = (int(number[0]) for line in lines for number in _NUMBER.finditer(line))
        # The server names the last message even if its number is smaller, and it may name one many times.
        return sorted({number for number in numbers if number >= since})

    def batches(self, numbers: Sequence[int]) -> Iterator[list[int]]:
        """Divide messages of the selected folder into parts that are small enough for one request each."""
        for start in range(0, len(numbers), MESSAGES_PER_REQUEST):
            batch: list[int] = []
            total, part = 0, numbers[start : start + MESSAGES_PER_REQUEST]
            sizes = self._sizes(part)
            for number in part:
                size = min(sizes.get(number, MAX_MESSAGE_BYTES), MAX_MESSAGE_BYTES)
                if batch and total + size > BYTES_PER_REQUEST:
                    yield batch
                    batch, total = [], 0
                batch.append(number)
                total += size
            yield batch

    def messages(self, numbers: Sequence[int]) -> Iterator[bytes]:
        """Yield messages of the selected folder, a batch of them. Of very large ones the end is missing."""
        with _failures():
            self._imap.allow(MAX_RESPONSE_BYTES + BYTES_PER_REQUEST)
        for part in self._fetched(numbers, f"(UID BODY.PEEK[]<0.{MAX_MESSAGE_BYTES}>)"):
            if isinstance(part, tuple) and len(part) > 1 and _UID.search(part[0]) is not None:
                yield part[1]

    def _sizes(self, numbers: Sequence[int]) -> dict[int, int]:
        """Return the sizes of messages by their numbers."""
        with _failures():
            self._imap.allow()
        sizes = {}
        for part in self._fetched(numbers, "(UID RFC822.SIZE)"):
            number, size = (found.search(part) if isinstance(part, bytes) else None for found in (_UID, _SIZE))
            if number is not None and size is not None:
                sizes[int(number[1])] = int(size[1])
        return sizes

    def _fetched(self, numbers: Sequence[int], fields: str) -> list[Any]:
        with _failures():
            status, found = self._imap.uid("FETCH", ",".join(map(str, numbers)), fields)
        if status != "OK":
            raise TryLater("the server does not provide the messages")
        return found

    def _listed(self) -> list[tuple[set[str], str, str]]:
        with _failures():
            self._imap.allow()
            status, found = self._imap.list()
        listed = []
        for line in found if status == "OK" else ():
            match = _LISTED.match(line) if isinstance(line, bytes) else None
            if match is None:
                continue
            flags = {flag.lower() for flag in match["flags"].decode("ascii", "replace").split()}
            name = match["name"].decode("ascii", "replace").strip()
            plain = name[1:-1].replace('\\"', '"').replace("\\\\", "\\") if name.startswith('"') else name
            listed.append((flags, name, decoded_name(plain)))
        return listed

    def _close(self) -> None:
        try:
            self._imap.allow(seconds=CONNECT_SECONDS)
            self._imap.logout()
        except (imaplib.IMAP4.error, OSError, ValueError):
            self._imap.shutdown()


def decoded_name(name: str) -> str:
    """Decode a name of a folder, which is in a form of UTF-7 of its own (RFC 3501 5.1.3)."""

    def decode(match: re.Match[str]) -> str:
        encoded = match[1].replace(",", "/")
        try:
            return f"+{encoded}-".encode("ascii").decode("utf-7") if encoded else "&"
        except UnicodeError:
            return match[0]

    return re.sub(r"&([A-Za-z0-9+,]*)-", decode, name)


def _connect(servers: TypedServers, host: str, port: int) -> _PinnedImap:
    shown = host if port == TLS_PORT else f"{host}:{port}"
    try:
        address = public_address_of(host, port) if servers.reach is ServerReach.PUBLIC else host
    except ServerNotAllowed as error:
        raise not_reachable(shown) from error
    context = None if servers.private and port != TLS_PORT else ssl.create_default_context()
    try:
        return _PinnedImap(address, host, port, context)
    except ssl.SSLCertVerificationError as error:
        raise not_trusted(shown) from error
    except ssl.SSLError as error:
        raise Broken("%(server)s is not a mail server with encryption. Check its address.", server=shown) from error
    except imaplib.IMAP4.abort as error:
        raise TryLater("the server ended the connection") from error
    except imaplib.IMAP4.error as error:
        raise Broken("%(server)s is not a mail server with encryption. Check its address.", server=shown) from error
    except (OSError, ValueError) as error:
        raise TryLater("the server does not respond") from error


def _sign_in(imap: imaplib.IMAP4, known: JsonObject) -> None:
    """Sign in, with an app password, or with an access token (XOAUTH2)."""
    typed = (str(known["username"]), str(known.get("password", "")))
    if not all(text.isprintable() for text in typed):  # A line break would begin a command, a zero byte another field.
        raise NeedsLogin("a user name or a password has no control characters")
    try:
        if "access_token" in known:
            said = f"user={known['username']}\x01auth=Bearer {known['access_token']}\x01\x01".encode()
            imap.authenticate("XOAUTH2", lambda _challenge: said)
        elif "AUTH=PLAIN" in imap.capabilities:
            said = f"\0{known['username']}\0{known['password']}".encode()
            imap.authenticate("PLAIN", lambda _challenge: said)
        else:
            imap.login(_quoted(known["username"]), known["password"])
    except imaplib.IMAP4.abort as error:
        raise TryLater("the server ended the connection") from error
    except imaplib.IMAP4.error as error:
        if "UNAVAILABLE" in str(error).upper() or "INUSE" in str(error).upper():
            raise TryLater("the server is not available") from error
        raise NeedsLogin("the server does not accept the user name or the password") from error
    except (OSError, ValueError) as error:  # A ValueError is a number of too many digits, or a name beyond ASCII.
        raise TryLater("the server does not respond") from error


def _quoted(text: str) -> str:
    """Write a text as a string of IMAP. The library does so for passwords only."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@contextmanager
def _failures() -> Iterator[None]:
    """Convert the errors of a connection that ends."""
    try:
        yield
    except (
        imaplib.IMAP4.error,
        OSError,
        EOFError,
        ValueError,
    ) as error:  # A ValueError is a number of too many digits.
        raise TryLater("the server ended the connection") from error


def _number(found: Any) -> int:
    """Return the number in an untagged response; 0 if there is none, or if it has more digits than IMAP allows."""
    word = found[-1] if found else None
    return int(word) if isinstance(word, bytes) and _NUMBER.fullmatch(word) is not None else 0
