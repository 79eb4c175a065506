"""Every error of PrivateShare, in one tree.

PrivateShareError
├── ApiError                      the platform refused a call (protocol 13)
│   ├── InvalidToken              401  a token is unknown, revoked, expired or of another contract
│   │   └── UnknownUser           401  the app's store has no token of this user
│   ├── InvalidClient             403  application or contract is unknown, or they do not belong together
│   ├── InvalidJWT                400  the signature, algorithm or form of a JWT is wrong
│   ├── InvalidTimestamp          400  the caller's clock is wrong
│   ├── InvalidRedirectUri        400  a redirect URI is not registered with the contract
│   ├── InvalidRequest            400  a claim or field is missing or wrong
│   ├── InvalidSession            404  a session is unknown, expired, or of another contract
│   ├── InsufficientScope         403  the contract allows one reading, and that was used
│   ├── InvalidContractDataRequest 400 the contract is of the wrong kind
│   ├── ScopeOutOfBounds          400  a call asks for more than the contract allows
│   ├── FileNotFound              404  the session has no such file
│   ├── DataUnreadable            410  the platform's copy is damaged or lost
│   ├── NotFound                  404  there is no such path or resource
│   ├── MethodNotAllowed          405  the path does not take this method
│   ├── SDKInvalid                400  the operator has blocked this SDK
│   ├── SDKVersionInvalid         403  the operator has blocked this version of the SDK
│   ├── TooManyRequests           429  wait `retry_after` seconds
│   ├── RequestTooLarge           413  the body is larger than the platform takes
│   ├── Unavailable               503  wait `retry_after` seconds
│   ├── ServiceAuthorizationError 511  the person has to sign in to the source again
│   └── InternalError             500  the platform failed
├── NetworkError                  no response arrived
├── InvalidAnswer                 a response does not follow the protocol
├── InvalidWebhook                a webhook was not signed by the platform, or is too old
├── FileDecryptionError           the private key does not decrypt a file
├── FileIntegrityError            a file is not what the platform stored
├── AuthorizationFailed           the person came back without consent (protocol 8.3)
│   ├── ConsentDeclined           the person declined: USER_CANCEL
│   ├── ConsentLinkInvalid        the link is not valid (any more): INITIALIZE_CHECK_FAIL, INVALID_CODE
│   ├── SourceNotConnected        the source could not be connected: ONBOARD_ERROR
│   ├── ConsentPageFailed         the platform failed: SERVER_ERROR, and unknown codes
│   └── UnexpectedReturn          the address belongs to no request of this app: INVALID_STATE
├── ReadIncomplete                `read_all_files` did not read everything (`sdk/reading/results.py`)
│   ├── FilesNotRead              some files could not be read
│   ├── ReadTimeout               the timeout has passed
│   └── SessionNeverStarted       nobody consented, or they declined
└── ConfigurationError            a setting or argument is wrong
"""

import unicodedata

DOCUMENTATION_URL = "https://docs.privateshare.example"
MAX_MESSAGE_CHARACTERS = 2000


def printable(text: str) -> str:
    """Return text from elsewhere in a form that terminals and logs show safely.

    Control characters, line ends, characters that change the direction of writing, and lone surrogates are replaced.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_unsafe(character) else character for character in text)


def _is_unsafe(character: str) -> bool:
    category = unicodedata.category(character)
    return category.startswith("C") or category in ("Zl", "Zp")


class PrivateShareError(Exception):
    """The base of all errors.

    `code` is the name of protocol 13, `status` the HTTP status if there is one, `reference` the platform's id of the
    request, `retry_after` how many seconds to wait before the call may work, `hint` what to do, and `help_url` the
    address of the documentation of this error.
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
        """The address of the section about this kind of error in the documentation."""
        kind = next(kind for kind in type(self).__mro__ if kind.__module__.startswith("privateshare."))
        return f"{DOCUMENTATION_URL}/reference/errors.html#{kind.__name__.lower()}"

    def __str__(self) -> str:
        text = f"{self.code}: {self.message}" if self.message != self.code else self.code
        if self.hint:
            text = f"{text}. {self.hint}"
        return f"{text} (reference {self.reference})" if self.reference else text


class ApiError(PrivateShareError):
    """The platform refused a call. Protocol 13.

    `detail` is for the platform's log only and never leaves the platform.
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
    """A token is unknown, revoked, expired, or of another contract."""

    code: str = "InvalidToken"
    status: int = 401
    hint: str = "Ask the person for consent again"


class UnknownUser(InvalidToken):
    """The app's store has no token of a user: they never consented, or it was deleted."""

    code: str = "UnknownUser"
    hint: str = "Ask the person for consent, and store the token: app.user(key).keep(token)"


class InvalidClient(ApiError):
    """The application or the contract is unknown, or they do not belong together."""

    code: str = "InvalidClient"
    status: int = 403
    hint: str = "Check the application id and the contract id"


class InvalidJWT(ApiError):
    """The signature, algorithm or form of a JWT is wrong."""

    code: str = "InvalidJWT"
    status: int = 400
    hint: str = "Sign with PS512 and the private key of this contract"


class InvalidTimestamp(ApiError):
    """The caller's clock differs too much from the platform's. Protocol 2.3."""

    code: str = "InvalidTimestamp"
    status: int = 400
    hint: str = "Set the clock of this machine"


class InvalidRedirectUri(ApiError):
    """A redirect URI is not registered with the contract. Protocol 4.1."""

    code: str = "InvalidRedirectUri"
    status: int = 400
    hint: str = "Register exactly this URI with the contract"


class InvalidRequest(ApiError):
    """A claim or a field is missing or wrong. The message names it."""

    code: str = "InvalidRequest"
    status: int = 400
    hint: str = "Correct what the message names"


class InvalidSession(ApiError):
    """A session is unknown, has expired, or belongs to another contract. Protocol 5.3."""

    code: str = "InvalidSession"
    status: int = 404
    hint: str = "Start a new session with read_session"


class InsufficientScope(ApiError):
    """The contract allows one reading for each consent, and that was used."""

    code: str = "InsufficientScope"
    status: int = 403
    hint: str = "This contract allows one reading only. Ask the person for consent again"


class InvalidContractDataRequest(ApiError):
    """The contract is of the wrong kind for this call. Protocol 5.2."""

    code: str = "InvalidContractDataRequest"
    status: int = 400
    hint: str = "Use a contract of the right kind: read to read, write to push"


class ScopeOutOfBounds(ApiError):
    """A call asks for more than the contract allows. Protocol 5.2."""

    code: str = "ScopeOutOfBounds"
    status: int = 400
    hint: str = "Ask for no more than the contract allows"


class FileNotFound(ApiError):
    """The session has no such file."""

    code: str = "FileNotFound"
    status: int = 404
    hint: str = "List the files of the session again"


class DataUnreadable(ApiError):
    """What the platform stored is damaged or lost. Retrying does not help. The operator has an alarm."""

    code: str = "DataUnreadable"
    status: int = 410
    hint: str = "Read the other files, and ask the operator of the platform"


class NotFound(ApiError):
    """There is no such path or resource, or this caller may not see it."""

    code: str = "NotFound"
    status: int = 404
    hint: str = "Check its name or id, and base_url"


class MethodNotAllowed(ApiError):
    """The path exists, but does not take this method."""

    code: str = "MethodNotAllowed"
    status: int = 405
    hint: str = "Check base_url"


class SDKInvalid(ApiError):
    """The operator of the platform has blocked this SDK."""

    code: str = "SDKInvalid"
    status: int = 400
    hint: str = "Ask the operator of the platform"


class SDKVersionInvalid(ApiError):
    """The operator of the platform has blocked this version of the SDK."""

    code: str = "SDKVersionInvalid"
    status: int = 403
    hint: str = "Install a newer version of the SDK"


class TooManyRequests(ApiError):
    """There were too many calls. `retry_after` tells how many seconds to wait."""

    code: str = "TooManyRequests"
    status: int = 429
    hint: str = "Wait and try again"


class RequestTooLarge(ApiError):
    """The body is larger than the platform takes."""

    code: str = "RequestTooLarge"
    status: int = 413
    hint: str = "Send less, or ask the operator of the platform for a larger limit"


class Unavailable(ApiError):
    """The platform cannot respond now. `retry_after` may tell how many seconds to wait."""

    code: str = "Unavailable"
    status: int = 503
    hint: str = "Try again in a moment"


class ServiceAuthorizationError(ApiError):
    """The person has to sign in to the source of this account again. Protocol 6.1, 7.3."""

    code: str = "ServiceAuthorizationError"
    status: int = 511
    hint: str = "Send the person to the address of get_reauthorize_account_url"


class InternalError(ApiError):
    """The platform failed. It does not tell callers the cause."""

    code: str = "InternalError"
    status: int = 500
    hint: str = "Tell the operator of the platform the reference"


class NetworkError(PrivateShareError):
    """No response arrived: the platform is unreachable, or the connection broke and retries did not help."""

    code: str = "NetworkError"
    hint: str = "Check the network and base_url"


class InvalidAnswer(PrivateShareError):
    """A response does not follow the protocol, or its signature is wrong (protocol 3.3)."""

    code: str = "InvalidAnswer"
    hint: str = "Check that base_url is the address of a Private Share platform"


class InvalidWebhook(PrivateShareError):
    """A webhook was not signed with the endpoint's secret, was changed, or is too old. Protocol 16.1."""

    code: str = "InvalidWebhook"
    hint: str = "Answer with status 400, and use nothing of it. If all fail, check the secret and the clock"


class FileDecryptionError(PrivateShareError):
    """The private key does not decrypt a file. Protocol 6.5."""

    code: str = "FileDecryptionError"
    hint: str = "Use the private key of the contract that the session belongs to"


class FileIntegrityError(PrivateShareError):
    """A file was decrypted, but is incomplete or not what the platform stored. Protocol 6.5."""

    code: str = "FileIntegrityError"
    hint: str = "Read the file again"


class AuthorizationFailed(PrivateShareError):
    """The person came back without consent. Protocol 8.3.

    `code` is the `errorCode` of the address that they came back to. Only `ConsentDeclined` is the person's decision.
    The other kinds are failures.
    """

    code: str = "AuthorizationFailed"
    default_message: str = "The person came back without consent"
    hint: str = "Send the person to a new link from get_authorize_url"

    def __init__(self, code: str, message: str = "") -> None:
        self.code = code
        super().__init__(message or self.default_message)


class ConsentDeclined(AuthorizationFailed):
    """The person declined. Nothing was shared."""

    code: str = "ConsentDeclined"
    default_message: str = "The person declined"
    hint: str = "Respect the decision, and ask again only if the person wants to"


class ConsentLinkInvalid(AuthorizationFailed):
    """The consent link could not be started, was used before, or has expired. The person decided nothing."""

    code: str = "ConsentLinkInvalid"
    default_message: str = "The consent link could not be started, was used before, or has expired"
    hint: str = (
        "A link works once and for 30 minutes. Send the person to a new one. If that fails too, check the page options "
        "and the contract"
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
    hint: str = "Send the person to a new link. If that fails too, tell the operator of the platform"


class UnexpectedReturn(AuthorizationFailed):
    """The address does not belong to a request of this app. Nothing in it was used."""

    code: str = "UnexpectedReturn"
    default_message: str = "The address does not belong to a request of this app"
    hint: str = "Check that the address and the state are of the same request, or start again with a new link"


class ConfigurationError(PrivateShareError):
    """A setting or an argument is wrong. The message names it."""

    code: str = "ConfigurationError"
