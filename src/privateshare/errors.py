"""Every error of PrivateShare, in one tree.

PrivateShareError
├── ApiError                      the platform refused a call (protocol 13)
│   ├── InvalidToken              401  a token is unknown, revoked, expired or another contract's
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
│   ├── NotFound                  404  no such path or resource
│   ├── MethodNotAllowed          405
│   ├── SDKInvalid                400  the operator blocked this SDK
│   ├── SDKVersionInvalid         403  the operator blocked this version of it
│   ├── TooManyRequests           429  wait `retry_after` seconds
│   ├── RequestTooLarge           413
│   ├── Unavailable               503  wait `retry_after` seconds
│   └── InternalError             500
├── NetworkError                  no answer arrived
├── InvalidAnswer                 an answer arrived that is not of the protocol
├── FileDecryptionError           a file does not open with this key
├── FileIntegrityError            a file opened, and is not what the platform stored
├── AuthorizationFailed           the person came back without consent (protocol 8.3)
└── ConfigurationError            a setting or argument is wrong
"""

from collections.abc import Mapping


class PrivateShareError(Exception):
    """Something PrivateShare could not do.

    `code` names it as protocol 13 does, `status` is the HTTP status if there was one, `reference` the platform's
    request id, `retry_after` the seconds to wait before the call may work, `hint` what to do about it.
    """

    code = "PrivateShareError"
    status: int | None = None
    hint = ""

    def __init__(
        self,
        message: str = "",
        *,
        reference: str | None = None,
        retry_after: float | None = None,
        hint: str | None = None,
    ) -> None:
        self.message = message or self.code
        self.reference = reference
        self.retry_after = retry_after
        if hint is not None:
            self.hint = hint
        super().__init__(self.message)

    def __str__(self) -> str:
        told = f"{self.code}: {self.message}" if self.message != self.code else self.code
        if self.hint:
            told = f"{told}. {self.hint}"
        return f"{told} (reference {self.reference})" if self.reference else told


class ApiError(PrivateShareError):
    """The platform refused a call. Protocol 13.

    On the platform, `detail` is for its log alone and never leaves it.
    """

    code = "ApiError"
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
        self.detail = detail
        if code is not None:
            self.code = code
        if status is not None:
            self.status = status
        super().__init__(message, reference=reference, retry_after=retry_after, hint=hint)


class InvalidToken(ApiError):
    code, status = "InvalidToken", 401
    hint = "Ask the person for consent again"


class InvalidClient(ApiError):
    code, status = "InvalidClient", 403
    hint = "Check the application id and the contract id"


class InvalidJWT(ApiError):
    code, status = "InvalidJWT", 400
    hint = "Sign with PS512 and the private key of this contract"


class InvalidTimestamp(ApiError):
    code, status = "InvalidTimestamp", 400
    hint = "Set the clock of this machine"


class InvalidRedirectUri(ApiError):
    code, status = "InvalidRedirectUri", 400
    hint = "Register it with the contract, letter for letter"


class InvalidRequest(ApiError):
    code, status = "InvalidRequest", 400


class InvalidSession(ApiError):
    code, status = "InvalidSession", 404
    hint = "Start a new session with read_session"


class InsufficientScope(ApiError):
    code, status = "InsufficientScope", 403
    hint = "This contract allows one read only; ask the person for consent again"


class InvalidContractDataRequest(ApiError):
    code, status = "InvalidContractDataRequest", 400
    hint = "Use a contract of the right kind: read to read, write to push"


class ScopeOutOfBounds(ApiError):
    code, status = "ScopeOutOfBounds", 400
    hint = "Ask for no more than the contract names"


class FileNotFound(ApiError):
    code, status = "FileNotFound", 404


class NotFound(ApiError):
    code, status = "NotFound", 404


class MethodNotAllowed(ApiError):
    code, status = "MethodNotAllowed", 405


class SDKInvalid(ApiError):
    code, status = "SDKInvalid", 400


class SDKVersionInvalid(ApiError):
    code, status = "SDKVersionInvalid", 403
    hint = "Install a newer version of the SDK"


class TooManyRequests(ApiError):
    code, status = "TooManyRequests", 429
    hint = "Wait and try again"


class RequestTooLarge(ApiError):
    code, status = "RequestTooLarge", 413


class Unavailable(ApiError):
    code, status = "Unavailable", 503
    hint = "Try again in a moment"


class InternalError(ApiError):
    code, status = "InternalError", 500


class NetworkError(PrivateShareError):
    """No answer arrived: the platform is unreachable, or the connection broke and retries did not help."""

    code = "NetworkError"
    hint = "Check the network and base_url"


class InvalidAnswer(PrivateShareError):
    """An answer arrived that is not of the protocol, or whose signature does not hold (protocol 3.3)."""

    code = "InvalidAnswer"
    hint = "Check that base_url is the address of a Private Share platform"


class FileDecryptionError(PrivateShareError):
    """A file does not open with this private key. Protocol 6.5."""

    code = "FileDecryptionError"
    hint = "Use the private key of the contract that the session belongs to"


class FileIntegrityError(PrivateShareError):
    """A file opened but is truncated, or its content is not what the platform stored. Protocol 6.5."""

    code = "FileIntegrityError"
    hint = "Read the file again"


class AuthorizationFailed(PrivateShareError):
    """The person came back without consent. `code` is the `errorCode` of protocol 8.3, such as USER_CANCEL."""

    code = "AuthorizationFailed"

    def __init__(self, code: str, message: str = "") -> None:
        self.code = code
        super().__init__(message or "the person did not consent")


class ConfigurationError(PrivateShareError):
    """A setting or an argument is wrong; the message names it."""

    code = "ConfigurationError"


def _api_errors() -> dict[str, type[ApiError]]:
    return {kind.code: kind for kind in ApiError.__subclasses__()}


def error_from_answer(status: int, headers: Mapping[str, str], body: object) -> ApiError:
    """The error that an answer of the platform tells, from its body, or else from its headers. Protocol 13.

    `headers` must be readable by lower-case names. An unknown code gives a plain `ApiError` that carries it.
    """
    told = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(told, Mapping):
        told = {name: headers.get(f"x-error-{name}") for name in ("code", "message", "reference")}
    code = str(told.get("code") or _code_of_status(status))
    kind = _api_errors().get(code, ApiError)
    return kind(
        str(told.get("message") or f"the platform answered {status}"),
        code=code,
        status=status,
        reference=str(told["reference"]) if told.get("reference") else headers.get("x-request-id"),
        retry_after=_seconds(headers.get("retry-after")),
    )


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
