"""The SDK as a contract of the tests."""

from privateshare import (
    PrivateShare,
)
from privateshare.protocol import jwt
from tests.flow.wire import Wire


def client_of(wire: Wire, **options: object) -> PrivateShare:
    """Return the SDK as this contract."""
    return PrivateShare(
        wire.application_id,
        contract_id=wire.contract_id,
        private_key=jwt.private_pem(wire.key),
        base_url=wire.url(""),
        **options,  # type: ignore[arg-type]
    )
