"""Back to the app. Protocol 8.3."""

from enum import StrEnum

from privateshare.errors import InvalidRedirectUri
from privateshare.platform.consent.parameters import Parameters
from privateshare.platform.db.tables import Contract, Journey, Postbox
from privateshare.platform.grants.contracts import check_redirect_uri
from privateshare.protocol.return_addresses import RETURNED, RETURNED_BY_REVOKE, with_answer


class Failure(StrEnum):
    """Why a person comes back without what the app asked for."""

    INITIALIZE_CHECK_FAIL = "INITIALIZE_CHECK_FAIL"
    INVALID_CODE = "INVALID_CODE"
    ONBOARD_ERROR = "ONBOARD_ERROR"
    USER_CANCEL = "USER_CANCEL"
    SERVER_ERROR = "SERVER_ERROR"


def success_address(
    journey: Journey,
    parameters: Parameters,
    *,
    code: str | None = None,
    account_reference: str | None = None,
    postbox: Postbox | None = None,
) -> str:
    """Say where a person goes who did what the app asked for: from the page `onboard` to its `callback`, if any."""
    told = {"success": "true", "code": code, "state": journey.state, "accountReference": account_reference}
    if postbox is not None:
        told |= {"postboxId": postbox.id, "publicKey": postbox.public_key}
    callback = parameters.callback if journey.kind == "onboard" else None  # a code goes nowhere but to the redirect URI
    return with_answer(callback or journey.redirect_uri, told, RETURNED)


def is_withdrawal(journey: Journey) -> bool:
    """Whether a journey was begun to withdraw permission at a source. Protocol 7.4."""
    return journey.account_id is not None and journey.session_id is None


def withdrawal_address(journey: Journey, failure: Failure | None = None) -> str:
    """Where a person goes who withdrew permission at a source, or could not. Protocol 7.4."""
    failed = {"result": "failed", "errorCode": failure, "error_message": failure}  # iOS reads the first
    return with_answer(journey.redirect_uri, {"result": "success"} if failure is None else failed, RETURNED_BY_REVOKE)


def failure_address(journey: Journey, parameters: Parameters, failure: Failure) -> str:
    """Say where a person goes who did not; a `callback` was checked when the link was opened."""
    if is_withdrawal(journey):
        return withdrawal_address(journey, failure)
    told = {"success": "false", "errorCode": failure, "state": journey.state}
    return with_answer(parameters.callback or journey.redirect_uri, told, RETURNED)


def with_registered_callback(contract: Contract, parameters: Parameters) -> Parameters:
    """The parameters without a `callback` that is not registered: following it would be an open redirect."""
    if parameters.callback is None:
        return parameters
    try:
        check_redirect_uri(contract, parameters.callback)
    except InvalidRedirectUri:
        return parameters.model_copy(update={"callback": None})
    return parameters
