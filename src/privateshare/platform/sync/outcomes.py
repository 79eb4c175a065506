"""How a sync ends, in the words of protocol 6.1."""

from collections.abc import Sequence
from typing import Any

from privateshare.protocol.messages import AccountError, ErrorSummary, ObjectTypeError
from privateshare.sources.contract import Broken, NeedsLogin, Skipped, SourceFailure, TryLater

DONE, LATER, NEEDS_LOGIN, BROKEN = "done", "later", "needs-login", "broken"
STOPPED, FAILED = "stopped", "failed"  # nobody waited any more; the platform itself failed


def outcome_of(failure: SourceFailure | None, skipped: Sequence[Skipped]) -> tuple[str, dict[str, Any] | None]:
    """The outcome of a sync, and the error that its account shows in a session's status."""
    if isinstance(failure, NeedsLogin):
        return NEEDS_LOGIN, _error("ServiceAuthorizationError", 511, "The person must sign in again", reauth=True)
    if isinstance(failure, TryLater):
        return LATER, _error("ServiceUnavailable", 503, "The source is not available", retry_after=failure.retry_after)
    if isinstance(failure, Broken):
        return BROKEN, _error("SourceBroken", 422, "What the source gave cannot be read")
    if skipped:
        return DONE, _error("ObjectTypesFailed", 502, "Some object types could not be read", skipped=skipped)
    return DONE, None


def _error(
    code: str,
    status: int,
    message: str,
    *,
    reauth: bool | None = None,
    retry_after: int | None = None,
    skipped: Sequence[Skipped] = (),
) -> dict[str, Any]:
    failed = [
        ObjectTypeError(
            object_type=item.object_type,
            error=ErrorSummary(code=item.code, message=item.message, status_code=item.status),
        )
        for item in skipped
    ]
    error = AccountError(
        code=code,
        status_code=status,
        message=message,
        reauth=reauth,
        retry_after=retry_after,
        object_type_errors=failed or None,
    )
    return error.to_wire()


FAILURE = _error("InternalError", 500, "The platform failed; try again")
