"""Back to the app. Protocol 8.3."""

from dataclasses import dataclass, field
from enum import StrEnum

from privateshare.errors import InvalidRedirectUri
from privateshare.platform.consent.link_parameters import LinkParameters
from privateshare.platform.db.tables import ContractRow, JourneyRow, PostboxRow
from privateshare.platform.grants.contracts import check_redirect_uri
from privateshare.platform.grants.journeys import JourneyKind, return_target
from privateshare.protocol.redirect_uris import RETURN_PARAMETERS, REVOKE_PARAMETERS, add_parameters


class Failure(StrEnum):
    """Why a person comes back without what the app asked for."""

    INITIALIZE_CHECK_FAIL = "INITIALIZE_CHECK_FAIL"
    INVALID_CODE = "INVALID_CODE"
    ONBOARD_ERROR = "ONBOARD_ERROR"
    USER_CANCEL = "USER_CANCEL"
    SERVER_ERROR = "SERVER_ERROR"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a journey leads back to. `callback` is registered with the contract, as the redirect URI is."""

    kind: JourneyKind
    redirect_uri: str
    state: str | None = field(repr=False)
    callback: str | None
    withdraws: bool

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address that the person may be sent to."""
        return (self.redirect_uri, *filter(None, [self.callback]))

    def success(
        self,
        *,
        code: str | None = None,
        account_reference: str | None = None,
        postbox: PostboxRow | None = None,
    ) -> str:
        """Say where a person goes who did what the app asked for: from the page `onboard` to its `callback`, if any."""
        told = {"success": "true", "code": code, "state": self.state, "accountReference": account_reference}
        if postbox is not None:
            told |= {"postboxId": postbox.id, "publicKey": postbox.public_key}
        callback = self.callback if self.kind == "onboard" else None  # a code goes nowhere but to the redirect URI
        return add_parameters(callback or self.redirect_uri, told, RETURN_PARAMETERS)

    def withdrawal(self, failure: Failure | None = None) -> str:
        """Say where a person goes who withdrew permission at a source, or could not. Protocol 7.4."""
        failed = {"result": "failed", "errorCode": failure, "error_message": failure}  # iOS reads the first
        told = {"result": "success"} if failure is None else failed
        return add_parameters(self.redirect_uri, told, REVOKE_PARAMETERS)

    def failure(self, failure: Failure) -> str:
        """Say where a person goes who did not do what the app asked for."""
        if self.withdraws:
            return self.withdrawal(failure)
        told = {"success": "false", "errorCode": failure, "state": self.state}
        return add_parameters(self.callback or self.redirect_uri, told, RETURN_PARAMETERS)


def destination_of(journey: JourneyRow, code: str, kind: JourneyKind, callback: str | None) -> Destination:
    """Give the destination of a journey, whose code opens what the app said of it."""
    target = return_target(journey, code)
    return Destination(kind, target.redirect_uri, target.state, callback, is_withdrawal(journey))


def is_withdrawal(journey: JourneyRow) -> bool:
    """Tell whether a journey was begun to withdraw permission at a source. Protocol 7.4."""
    return journey.account_id is not None and journey.session_id is None


def with_registered_callback(contract: ContractRow, parameters: LinkParameters) -> LinkParameters:
    """Leave out a `callback` that is not registered: following it would be an open redirect."""
    if parameters.callback is None:
        return parameters
    try:
        check_redirect_uri(contract, parameters.callback)
    except InvalidRedirectUri:
        return parameters.model_copy(update={"callback": None})
    return parameters
