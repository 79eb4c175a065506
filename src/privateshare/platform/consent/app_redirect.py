"""The redirect to the app at the end of a journey. Protocol 8.3."""

from dataclasses import dataclass, field
from enum import StrEnum

from privateshare.errors import InvalidRedirectUri
from privateshare.platform.consent.link_parameters import LinkParameters
from privateshare.platform.db.tables import ContractRow, JourneyRow, PostboxRow
from privateshare.platform.grants.contracts import check_redirect_uri
from privateshare.platform.grants.journeys import JourneyKind, return_target
from privateshare.protocol.redirect_uris import RETURN_PARAMETERS, REVOKE_PARAMETERS, add_parameters


class Failure(StrEnum):
    """Why a person returns to the app without what it asked for."""

    INITIALIZE_CHECK_FAIL = "INITIALIZE_CHECK_FAIL"
    INVALID_CODE = "INVALID_CODE"
    ONBOARD_ERROR = "ONBOARD_ERROR"
    USER_CANCEL = "USER_CANCEL"
    SERVER_ERROR = "SERVER_ERROR"


@dataclass(frozen=True, slots=True)
class Destination:
    """The app's address at which a journey ends. `callback` is registered with the contract, as the redirect URI is."""

    kind: JourneyKind
    redirect_uri: str
    state: str | None = field(repr=False)
    callback: str | None
    withdraws: bool

    @property
    def addresses(self) -> tuple[str, ...]:
        """List every address to which the person may be redirected."""
        return (self.redirect_uri, *filter(None, [self.callback]))

    def success(
        self,
        *,
        code: str | None = None,
        account_reference: str | None = None,
        postbox: PostboxRow | None = None,
    ) -> str:
        """Build the address for a person who did what the app asked for; `onboard` prefers its `callback`."""
        parameters = {"success": "true", "code": code, "state": self.state, "accountReference": account_reference}
        if postbox is not None:
            parameters |= {"postboxId": postbox.id, "publicKey": postbox.public_key}
        # An authorization code goes only to the redirect URI.
        callback = self.callback if self.kind == "onboard" else None
        return add_parameters(callback or self.redirect_uri, parameters, RETURN_PARAMETERS)

    def withdrawal(self, failure: Failure | None) -> str:
        """Build the address for a person who withdrew permission at a source, or could not. Protocol 7.4."""
        # The iOS SDK reads `errorCode`, the other clients `error_message`.
        failed = {"result": "failed", "errorCode": failure, "error_message": failure}
        parameters = {"result": "success"} if failure is None else failed
        return add_parameters(self.redirect_uri, parameters, REVOKE_PARAMETERS)

    def failure(self, failure: Failure) -> str:
        """Build the address for a person who did not do what the app asked for."""
        if self.withdraws:
            return self.withdrawal(failure)
        parameters = {"success": "false", "errorCode": failure, "state": self.state}
        return add_parameters(self.callback or self.redirect_uri, parameters, RETURN_PARAMETERS)


def destination_of(journey: JourneyRow, code: str, kind: JourneyKind, callback: str | None) -> Destination:
    """Return the destination of a journey; its code decrypts what the app stored of it."""
    target = return_target(journey, code)
    return Destination(kind, target.redirect_uri, target.state, callback, is_withdrawal(journey))


def is_withdrawal(journey: JourneyRow) -> bool:
    """Tell whether a journey was started to withdraw permission at a source. Protocol 7.4."""
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
