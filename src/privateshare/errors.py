"""Every error of PrivateShare, in one tree.

PrivateShareError
├── ApiError                      the platform refused a call (protocol 13)
│   ├── InvalidToken              401  a token is unknown, revoked, expired or another contract's
│   │   └── UnknownUser           401  no token of this user is in the app's store
│   ├── InvalidClient             403  application and contract are unknown or do not belong together
│   ├── InvalidJWT                400  signature, algorithm or form of a JWT
│   ├── InvalidTimestamp          400  the caller's clock is too far off
│   ├── InvalidRedirectUri        400  not registered with the contract
│   ├── InvalidRequest            400  a claim or field is missing or of the wrong form
│   ├── InvalidSession            404  unknown, expired, or another caller's
│   ├── InsufficientScope         403  the contract was for one read, and that was used
│   ├── InvalidContractDataRequest 400 a contract of the wrong kind
│   ├── ScopeOutOfBounds          400  asks for more than the contract allows
│   ├── FileNotFound              404
│   ├── DataUnreadable            410  what was stored is damaged or lost, and the operator knows
│   ├── NotFound                  404  no such path or resource
│   ├── MethodNotAllowed          405
│   ├── SDKInvalid                400  the operator blocked this SDK
│   ├── SDKVersionInvalid         403  the operator blocked this version of it
│   ├── TooManyRequests           429  wait `retry_after` seconds
│   ├── RequestTooLarge           413
│   ├── Unavailable               503  wait `retry_after` seconds
│   ├── ServiceAuthorizationError 511  the person must sign in to that source again
│   └── InternalError             500
├── NetworkError                  no answer arrived
├── InvalidAnswer                 an answer arrived that is not of the protocol
├── FileDecryptionError           a file does not open with this key
├── FileIntegrityError            a file opened, and is not what the platform stored
├── AuthorizationFailed           the person came back without what the app asked for (protocol 8.3)
│   ├── ConsentDeclined           the person declined: USER_CANCEL
│   ├── ConsentLinkInvalid        the link could not be started, or was used up: INITIALIZE_CHECK_FAIL, INVALID_CODE
│   ├── SourceNotConnected        connecting the source failed: ONBOARD_ERROR
│   ├── ConsentPageFailed         the platform failed: SERVER_ERROR, and codes that are not known here
│   └── UnexpectedReturn          the address does not answer a request of this app: INVALID_STATE
├── ReadIncomplete                `read_all_files` did not read everything; these four are in `sdk/results.py`
│   ├── FilesNotRead              some files could not be read
│   ├── ReadTimeout               the time that was given has passed
│   └── SessionNeverStarted       nobody consented, or they declined
└── ConfigurationError            a setting or argument is wrong
"""

import unicodedata
from collections.abc import Mapping

DOCUMENTATION_URL = "https://docs.privateshare.example"
MAX_MESSAGE_CHARACTERS = 2000
MAX_WORD_CHARACTERS = 200  # of a code or a reference


def printable(text: str) -> str:
    """Return text that may have come from elsewhere as one that a terminal or a log shows without acting on it.

    Control characters, line ends, characters that turn the direction of writing, and lone surrogates are replaced.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join("\N{REPLACEMENT CHARACTER}" if _acts(character) else character for character in text)


def _acts(character: str) -> bool:
    category = unicodedata.category(character)
    return category.startswith("C") or category in ("Zl", "Zp")


class PrivateShareError(Exception):
    """Something PrivateShare could not do.

    `code` names it as protocol 13 does, `status` is the HTTP status if there was one, `reference` the platform's
    request id, `retry_after` the seconds to wait before the call may work, `hint` what to do about it, and `help_url`
    the address of what the documentation says about it.
    """

    code: str = "PrivateShareError"
    status: int | None = None
    hint: str = ""

    def __init__(
        self,
        message: str = "",
        *,
        reference: str | None = None,
        retry_after: float | None = None,
        hint: str | None = None,
    ) -> None:
        self.message: str = printable(message[:MAX_MESSAGE_CHARACTERS]) or self.code
        self.reference: str | None = reference
        self.retry_after: float | None = retry_after
        if hint is not None:
            self.hint = hint
        super().__init__(self.message)

    @property
    def help_url(self) -> str:
        """Return the address of the section about this kind of error in the documentation."""
        kind = next(kind for kind in type(self).__mro__ if kind.__module__.startswith("privateshare."))
        return f"{DOCUMENTATION_URL}/reference/errors.html#{kind.__name__.lower()}"

    def __str__(self) -> str:
        told = f"{self.code}: {self.message}" if self.message != self.code else self.code
        if self.hint:
            told = f"{told}. {self.hint}"
        return f"{told} (reference {self.reference})" if self.reference else told


class ApiError(PrivateShareError):
    """The platform refused a call. Protocol 13.

    On the platform, `detail` is for its log alone and never leaves it.
    """

    code: str = "ApiError"
    status: int = 400

    def __init__(
        self,
        message: str = "",
        *,
        detail: str | None = None,
        code: str | None = None,
        status: int | None = None,
        reference: str | None = None,
        retry_after: float | None = None,
        hint: str | None = None,
    ) -> None:
        self.detail: str | None = detail
        if code is not None:
            self.code = code
        if status is not None:
            self.status = status
        super().__init__(message, reference=reference, retry_after=retry_after, hint=hint)


class InvalidToken(ApiError):
    """A token is unknown, revoked, expired, or another contract's."""

    code: str = "InvalidToken"
    status: int = 401
    hint: str = "Ask the person for consent again"


class UnknownUser(InvalidToken):
    """No token of a user is in the app's store: they never consented, or it was forgotten."""

    code: str = "UnknownUser"
    hint: str = "Ask the person for consent, and keep the token: app.user(key).keep(token)"


class InvalidClient(ApiError):
    """The application or the contract is unknown, or they do not belong together."""

    code: str = "InvalidClient"
    status: int = 403
    hint: str = "Check the application id and the contract id"


class InvalidJWT(ApiError):
    """A JWT's signature, algorithm or form is wrong."""

    code: str = "InvalidJWT"
    status: int = 400
    hint: str = "Sign with PS512 and the private key of this contract"


class InvalidTimestamp(ApiError):
    """The caller's clock is too far off. Protocol 2.3."""

    code: str = "InvalidTimestamp"
    status: int = 400
    hint: str = "Set the clock of this machine"


class InvalidRedirectUri(ApiError):
    """A redirect URI is not registered with the contract. Protocol 4.1."""

    code: str = "InvalidRedirectUri"
    status: int = 400
    hint: str = "Register it with the contract, letter for letter"


class InvalidRequest(ApiError):
    """A claim or a field is missing or of the wrong form; the message names it."""

    code: str = "InvalidRequest"
    status: int = 400
    hint: str = "Mend what the message names"


class InvalidSession(ApiError):
    """A session is unknown, has expired, or is another caller's. Protocol 5.3."""

    code: str = "InvalidSession"
    status: int = 404
    hint: str = "Start a new session with read_session"


class InsufficientScope(ApiError):
    """The contract was for one read only, and that was used."""

    code: str = "InsufficientScope"
    status: int = 403
    hint: str = "This contract allows one read only; ask the person for consent again"


class InvalidContractDataRequest(ApiError):
    """The contract is of the wrong kind for this call. Protocol 5.2."""

    code: str = "InvalidContractDataRequest"
    status: int = 400
    hint: str = "Use a contract of the right kind: read to read, write to push"


class ScopeOutOfBounds(ApiError):
    """More was asked for than the contract allows. Protocol 5.2."""

    code: str = "ScopeOutOfBounds"
    status: int = 400
    hint: str = "Ask for no more than the contract names"


class FileNotFound(ApiError):
    """There is no such file in this session."""

    code: str = "FileNotFound"
    status: int = 404
    hint: str = "List the files of the session again"


class DataUnreadable(ApiError):
    """What the platform stored is damaged or lost. Trying again does not help; the operator was told."""

    code: str = "DataUnreadable"
    status: int = 410
    hint: str = "Ask the operator of the platform, and read what else there is"


class NotFound(ApiError):
    """There is no such path or thing, or it is not for this caller."""

    code: str = "NotFound"
    status: int = 404
    hint: str = "Check its name or id, and base_url"


class MethodNotAllowed(ApiError):
    """The path is there, and does not take this method."""

    code: str = "MethodNotAllowed"
    status: int = 405
    hint: str = "Check base_url"


class SDKInvalid(ApiError):
    """The operator of the platform blocked this SDK."""

    code: str = "SDKInvalid"
    status: int = 400
    hint: str = "Ask the operator of the platform"


class SDKVersionInvalid(ApiError):
    """The operator of the platform blocked this version of the SDK."""

    code: str = "SDKVersionInvalid"
    status: int = 403
    hint: str = "Install a newer version of the SDK"


class TooManyRequests(ApiError):
    """Too many calls; `retry_after` says how many seconds to wait."""

    code: str = "TooManyRequests"
    status: int = 429
    hint: str = "Wait and try again"


class RequestTooLarge(ApiError):
    """The body is larger than the platform takes."""

    code: str = "RequestTooLarge"
    status: int = 413
    hint: str = "Send less, or ask the operator of the platform for a larger limit"


class Unavailable(ApiError):
    """The platform cannot serve now; `retry_after` may say for how long."""

    code: str = "Unavailable"
    status: int = 503
    hint: str = "Try again in a moment"


class ServiceAuthorizationError(ApiError):
    """The person must sign in to the source of this account again. Protocol 6.1, 7.3."""

    code: str = "ServiceAuthorizationError"
    status: int = 511
    hint: str = "Send the person to reauthorize this account"


class InternalError(ApiError):
    """The platform failed; nothing of the cause is told."""

    code: str = "InternalError"
    status: int = 500
    hint: str = "Tell the operator of the platform the reference"


class NetworkError(PrivateShareError):
    """No answer arrived: the platform is unreachable, or the connection broke and retries did not help."""

    code: str = "NetworkError"
    hint: str = "Check the network and base_url"


class InvalidAnswer(PrivateShareError):
    """An answer arrived that is not of the protocol, or whose signature does not hold (protocol 3.3)."""

    code: str = "InvalidAnswer"
    hint: str = "Check that base_url is the address of a Private Share platform"


class FileDecryptionError(PrivateShareError):
    """A file does not open with this private key. Protocol 6.5."""

    code: str = "FileDecryptionError"
    hint: str = "Use the private key of the contract that the session belongs to"


class FileIntegrityError(PrivateShareError):
    """A file opened but is truncated, or its content is not what the platform stored. Protocol 6.5."""

    code: str = "FileIntegrityError"
    hint: str = "Read the file again"


class AuthorizationFailed(PrivateShareError):
    """The person came back without what the app asked for. Protocol 8.3.

    `code` is the `errorCode` of the address that they came back to. Only `ConsentDeclined` is the person's decision;
    the other kinds are failures.
    """

    code: str = "AuthorizationFailed"
    default_message: str = "The person came back without what the app asked for"
    hint: str = "Send the person to a new link from get_authorize_url"

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        reference: str | None = None,
        retry_after: float | None = None,
        hint: str | None = None,
    ) -> None:
        self.code = code
        super().__init__(message or self.default_message, reference=reference, retry_after=retry_after, hint=hint)


class ConsentDeclined(AuthorizationFailed):
    """The person declined. Nothing was shared."""

    code: str = "ConsentDeclined"
    default_message: str = "The person declined"
    hint: str = "Respect it, and ask again only if the person wants to"


class ConsentLinkInvalid(AuthorizationFailed):
    """The consent link could not be started, was used before, or has expired. The person decided nothing."""

    code: str = "ConsentLinkInvalid"
    default_message: str = "The consent link could not be started, was used before, or has expired"
    hint: str = (
        "A link works once, for 30 minutes: send the person to a new one. If a new link fails too, check "
        "the page options and the contract"
    )


class SourceNotConnected(AuthorizationFailed):
    """The source could not be connected. The person decided nothing."""

    code: str = "SourceNotConnected"
    default_message: str = "The source could not be connected"
    hint: str = "Send the person to a new link, so that they can try again or choose another source"


class ConsentPageFailed(AuthorizationFailed):
    """The consent pages of the platform failed. The person decided nothing."""

    code: str = "ConsentPageFailed"
    default_message: str = "The consent pages of the platform failed"
    hint: str = "Send the person to a new link; if it fails again, tell the operator of the platform"


class UnexpectedReturn(AuthorizationFailed):
    """The address does not answer a request that this app made. Nothing in it was used."""

    code: str = "UnexpectedReturn"
    default_message: str = "The address does not answer a request of this app"
    hint: str = "Check that the address and the state are those of one request; otherwise start again with a new link"


class ConfigurationError(PrivateShareError):
    """A setting or an argument is wrong; the message names it."""

    code: str = "ConfigurationError"


def _api_errors() -> dict[str, type[ApiError]]:
    return {kind.code: kind for kind in ApiError.__subclasses__()}


def error_from_answer(status: int, headers: Mapping[str, str], body: object) -> ApiError:
    """The error that an answer of the platform tells, from its body, or else from its headers. Protocol 13.

    `headers` must be readable by lower-case names. An unknown code gives a plain `ApiError` that carries it.
    """
    told = body.get("error") if isinstance(body, Mapping) else None
    if isinstance(told, str) and isinstance(body, Mapping):  # protocol 11.5
        told = {"code": told, "message": body.get("message")}
    if not isinstance(told, Mapping):
        told = {name: headers.get(f"x-error-{name}") for name in ("code", "message", "reference")}
    code = _word(told.get("code")) or _code_of_status(status)
    kind = _api_errors().get(code, ApiError)
    return kind(
        str(told.get("message") or f"the platform answered {status}"),
        code=code,
        status=status,
        reference=_word(told.get("reference")) or _word(headers.get("x-request-id")) or None,
        retry_after=_seconds(headers.get("retry-after")),
        hint=_hint(headers.get("x-error-hint")),
    )


def _hint(told: str | None) -> str | None:
    """Return what a platform says to do, in a form that can be shown."""
    return printable(told[:MAX_MESSAGE_CHARACTERS]) if told else None


def _word(told: object) -> str:
    """Return a code or a reference that a platform told, in a form that can be shown."""
    return printable(str(told)[:MAX_WORD_CHARACTERS]) if told else ""


def _code_of_status(status: int) -> str:
    by_status = {404: "NotFound", 405: "MethodNotAllowed", 413: "RequestTooLarge", 429: "TooManyRequests"}
    return by_status.get(
        status, "Unavailable" if status in (502, 503, 504) else "InternalError" if status >= 500 else "ApiError"
    )


def _seconds(text: str | None) -> float | None:
    try:
        return max(0.0, float(text)) if text is not None else None
    except ValueError:
        return None
