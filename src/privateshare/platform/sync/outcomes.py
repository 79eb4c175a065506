"""The outcome of a sync, and the error that the session's status shows for it. Protocol 6.1."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from privateshare.protocol.messages import AccountError, ErrorSummary, ObjectTypeError
from privateshare.sources.contract import Broken, NeedsLogin, Skipped, SourceFailure, TryLater
from privateshare.sources.failures import LeftOut

DONE, LATER, NEEDS_LOGIN, BROKEN, TOO_LONG = "done", "later", "needs-login", "broken", "too-long"
LEFT_OUT = "EntriesLeftOut"
# This field of a stored error, which apps do not see, says that the error concerns more than the listed object types.
ALSO_WITHOUT_TYPE = "ofNoType"
# STOPPED: no session waited for the sync any more. FAILED: the platform itself failed.
STOPPED, FAILED = "stopped", "failed"


class StoredDataUnreadable(SourceFailure):
    """Data that the platform stored before cannot be read, so that a sync could not import or write everything."""


class TookTooLong(SourceFailure):
    """A sync was ended because it took longer than the settings allow."""


def outcome_of(
    failure: SourceFailure | None, skipped: Sequence[Skipped], left_out: LeftOut
) -> tuple[str, dict[str, Any] | None]:
    """Determine the outcome of a sync, and the error that a session's status shows for the account."""
    if isinstance(failure, NeedsLogin):
        return NEEDS_LOGIN, _error("ServiceAuthorizationError", 511, "The person must sign in again", reauth=True)
    if isinstance(failure, TryLater):
        return LATER, _error("ServiceUnavailable", 503, "The source is not available", retry_after=failure.retry_after)
    if isinstance(failure, Broken):
        return BROKEN, _error("SourceBroken", 422, "The source's data cannot be read")
    if isinstance(failure, TookTooLong):
        return TOO_LONG, _error("SourceTooSlow", 504, "The source took too long, so the sync was ended")
    if isinstance(failure, StoredDataUnreadable):
        message = "Some stored data is damaged or missing. The operator of the platform was informed"
        return FAILED, _error("DataUnreadable", 410, message, _skipped(skipped))
    if left_out.is_partial:
        listed = [*_left_out(left_out), *_skipped(skipped)]
        error = _error(LEFT_OUT, 422, "Some entries of the source could not be read", listed)
        without_type = bool(left_out.damaged) or any(object_type is None for _, object_type in left_out.entries)
        return DONE, error | {ALSO_WITHOUT_TYPE: without_type}
    if skipped:
        return DONE, _error("ObjectTypesFailed", 502, "Some object types could not be read", _skipped(skipped))
    return DONE, None


def error_for_contract(error: dict[str, Any] | None, may_see: Callable[[int], bool]) -> dict[str, Any] | None:
    """Remove the object types that a contract may not read from the error of a sync.

    Returns:
        The error, or None if it concerns only object types that the contract may not read.
    """
    if error is None or not (listed := error.get("objectTypeErrors")):
        return error
    visible = [entry for entry in listed if may_see(entry["objectType"])]
    if visible:
        return error | {"objectTypeErrors": visible}
    without_types = {name: value for name, value in error.items() if name != "objectTypeErrors"}
    return without_types if error.get(ALSO_WITHOUT_TYPE) else None


def types_in_error(error: Mapping[str, Any]) -> list[int]:
    """Return the object types that the error of a sync names."""
    return [entry["objectType"] for entry in error.get("objectTypeErrors") or ()]


def _error(
    code: str,
    status: int,
    message: str,
    object_types: Sequence[ObjectTypeError] = (),
    *,
    reauth: bool | None = None,
    retry_after: int | None = None,
) -> dict[str, Any]:
    error = AccountError(
        code=code,
        status_code=status,
        message=message,
        reauth=reauth,
        retry_after=retry_after,
        object_type_errors=list(object_types) or None,
    )
    return error.to_wire()


def _skipped(skipped: Sequence[Skipped]) -> list[ObjectTypeError]:
    return [
        ObjectTypeError(
            object_type=item.object_type,
            error=ErrorSummary(code=item.code, message=item.message, status_code=item.status),
        )
        for item in skipped
    ]


def _left_out(left_out: LeftOut) -> list[ObjectTypeError]:
    """List how many objects of each type were left out, and why. File names are the person's and are not shown."""
    return [
        ObjectTypeError(
            object_type=object_type,
            error=ErrorSummary(code=reason.code, message=f"{number} left out", status_code=422),
        )
        for (reason, object_type), number in sorted(left_out.entries.items(), key=lambda item: -item[1])
        if object_type is not None
    ]


PLATFORM_FAILURE = _error("InternalError", 500, "The platform failed. Try again")
