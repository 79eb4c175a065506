"""Back to the app. Protocol 8.3."""

from collections.abc import Mapping
from enum import StrEnum
from urllib.parse import quote, urlencode, urlsplit

from privateshare.errors import InvalidRedirectUri
from privateshare.platform.consent.parameters import Parameters
from privateshare.platform.db.tables import Contract, Journey, Postbox
from privateshare.platform.grants.contracts import check_redirect_uri


class Failure(StrEnum):
    """Why a person comes back without what the app asked for."""

    INITIALIZE_CHECK_FAIL = "INITIALIZE_CHECK_FAIL"
    INVALID_CODE = "INVALID_CODE"
    ONBOARD_ERROR = "ONBOARD_ERROR"
    USER_CANCEL = "USER_CANCEL"
    SERVER_ERROR = "SERVER_ERROR"


def with_query(address: str, parameters: Mapping[str, str | None]) -> str:
    """An address with parameters added to whatever query it has, which stays as it is; None leaves one out."""
    added = urlencode({name: value for name, value in parameters.items() if value is not None}, quote_via=quote)
    separator = "" if address.endswith(("?", "&")) else "&" if urlsplit(address).query else "?"
    return f"{address}{separator}{added}"


def success_address(
    journey: Journey,
    *,
    code: str | None = None,
    account_reference: str | None = None,
    postbox: Postbox | None = None,
) -> str:
    """Where a person who did what the app asked for goes."""
    told = {"success": "true", "code": code, "state": journey.state, "accountReference": account_reference}
    if postbox is not None:
        told |= {"postboxId": postbox.id, "publicKey": postbox.public_key}
    return with_query(journey.redirect_uri, told)


def is_withdrawal(journey: Journey) -> bool:
    """Whether a journey was begun to withdraw permission at a source. Protocol 7.4."""
    return journey.account_id is not None and journey.session_id is None


def withdrawal_address(journey: Journey, failure: Failure | None = None) -> str:
    """Where a person goes who withdrew permission at a source, or could not. Protocol 7.4."""
    failed = {"result": "failed", "errorCode": failure, "error_message": failure}  # iOS reads the first
    return with_query(journey.redirect_uri, {"result": "success"} if failure is None else failed)


def failure_address(journey: Journey, parameters: Parameters, failure: Failure) -> str:
    """Where a person goes who did not; a `callback` has been checked when the journey began."""
    if is_withdrawal(journey):
        return withdrawal_address(journey, failure)
    told = {"success": "false", "errorCode": failure, "state": journey.state}
    return with_query(parameters.callback or journey.redirect_uri, told)


def with_registered_callback(contract: Contract, parameters: Parameters) -> Parameters:
    """The parameters without a `callback` that is not registered: following it would be an open redirect."""
    if parameters.callback is None:
        return parameters
    try:
        check_redirect_uri(contract, parameters.callback)
    except InvalidRedirectUri:
        return parameters.model_copy(update={"callback": None})
    return parameters
