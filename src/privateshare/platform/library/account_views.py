"""An account as an app sees it. Protocol 7.1."""

from datetime import datetime

from privateshare.platform.library.account_identities import account_display_name
from privateshare.platform.library.accounts import ShownAccount
from privateshare.platform.library.libraries import OpenLibrary
from privateshare.protocol import messages
from privateshare.protocol.catalogue import catalogue
from privateshare.sources.registry import Sources


def account_view(sources: Sources, account: ShownAccount, library: OpenLibrary) -> messages.Account:
    """Describe an account for an app. Protocol 7.1."""
    entries = catalogue()
    group = entries.service_groups[account.service_group]
    service = entries.service_types[account.service_type]
    source = sources.listed.get(account.source_id)  # The source is None if the operator removed it from the settings.
    return messages.Account(
        id=account.public_id,
        reference=account.reference,
        type=account.type,
        created_date=_milliseconds(account.created_at),
        updated_date=_milliseconds(account.updated_at),
        service_group_id=group.id,
        service_group_name=group.name,
        service_type_id=service.id,
        service_type_name=service.name,
        service_type_reference=service.reference,
        source_id=account.source_id,
        access_token_status=messages.AccessTokenStatus(authorized=not account.needs_login),
        service_provider_id=account.source_id,
        service_provider_name=source.name if source else None,
        service_provider_reference=source.reference if source else None,
        username=account_display_name(account, library),
        sample=True if account.sample else None,
    )


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
