"""How a sync ends, in the words of protocol 6.1."""

from collections.abc import Callable, Sequence
from typing import Any

from privateshare.protocol.messages import AccountError, ErrorSummary, ObjectTypeError
from privateshare.sources.contract import Broken, NeedsLogin, Skipped, SourceFailure, TryLater
from privateshare.sources.failures import LeftOut

DONE, LATER, NEEDS_LOGIN, BROKEN = "done", "later", "needs-login", "broken"
LEFT_OUT = "EntriesLeftOut"
OF_NO_TYPE = (
    "ofNoType"  # kept with an error, and not told: whether it is about more than the object types that it lists
)
STOPPED, FAILED = "stopped", "failed"  # nobody waited any more; the platform itself failed


class Unreadable(SourceFailure):
    """What was stored here before cannot be read, so that not all could be fetched or written."""


def outcome_of(
    failure: SourceFailure | None, skipped: Sequence[Skipped], left_out: LeftOut
) -> tuple[str, dict[str, Any] | None]:
    """The outcome of a sync, and the error that its account shows in a session's status."""
    if isinstance(failure, NeedsLogin):
        return NEEDS_LOGIN, _error("ServiceAuthorizationError", 511, "The person must sign in again", reauth=True)
    if isinstance(failure, TryLater):
        return LATER, _error("ServiceUnavailable", 503, "The source is not available", retry_after=failure.retry_after)
    if isinstance(failure, Broken):
        return BROKEN, _error("SourceBroken", 422, "What the source gave cannot be read")
    if isinstance(failure, Unreadable):
        message = "Some of what was stored cannot be read; the operator of the platform was told"
        return FAILED, _error("DataUnreadable", 410, message, _skipped(skipped))
    if left_out.is_partial:
        error = _error(LEFT_OUT, 422, "Some of what the person uploaded could not be read", _left_out(left_out))
        of_no_type = bool(left_out.damaged) or any(object_type is None for _, object_type in left_out.entries)
        return DONE, error | {OF_NO_TYPE: of_no_type}
    if skipped:
        return DONE, _error("ObjectTypesFailed", 502, "Some object types could not be read", _skipped(skipped))
    return DONE, None


def without_other_types(error: dict[str, Any] | None, may_see: Callable[[int], bool]) -> dict[str, Any] | None:
    """The error of a sync as one contract is told of it: nothing about object types that it may not read.

    None if the error is about nothing else.
    """
    if error is None or not (listed := error.get("objectTypeErrors")):
        return error
    seen = [entry for entry in listed if may_see(entry["objectType"])]
    if seen:
        return error | {"objectTypeErrors": seen}
    told = {name: value for name, value in error.items() if name != "objectTypeErrors"}
    return told if error.get(OF_NO_TYPE) else None


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
    """How many objects of each type were left out, and why; no names of files, which are the person's."""
    return [
        ObjectTypeError(
            object_type=object_type,
            error=ErrorSummary(code=reason.code, message=f"{number} left out", status_code=422),
        )
        for (reason, object_type), number in sorted(left_out.entries.items(), key=lambda item: -item[1])
        if object_type is not None
    ]


FAILURE = _error("InternalError", 500, "The platform failed; try again")
