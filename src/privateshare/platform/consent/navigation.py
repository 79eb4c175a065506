"""Which page comes next on a journey."""

from privateshare.errors import NotFound
from privateshare.platform.consent import connections, outcome, shareable_accounts
from privateshare.platform.consent.app_redirect import Failure
from privateshare.platform.consent.previews import start_preview
from privateshare.platform.consent.source_choice import allowed_sources, asks_for_sources, source_on_device
from privateshare.platform.consent.visit import CONNECTING, REVIEWED, Visit, require_kind
from privateshare.platform.db.tables import AccountRow
from privateshare.sources.contract import AskingSource, SignInSource, Source

DEFAULT_SAMPLE = "default"


async def first_page(visit: Visit) -> str:
    """Return the address of a journey's first page; this writes nothing. Protocol 8.1, 8.2."""
    if visit.journey.kind == "revoke":
        return visit.address("withdraw")
    if asks_who(visit) or await needs_proof(visit):
        return visit.address("person")
    if (account := await account_of_journey(visit)) is not None:
        return visit.address(f"connect/{account.source_id}")
    asks_for_none = not asks_for_sources(visit)
    if visit.journey.kind == "user-reauth" or (visit.journey.kind == "authorize" and asks_for_none):
        return visit.address("consent")
    if source_on_device(visit) is not None:
        return visit.address("consent" if visit.journey.kind == "authorize" else "begin")
    sources = allowed_sources(visit)
    service = visit.parameters.service
    if not sources or (service is not None and service not in sources):
        return visit.destination.failure(Failure.INITIALIZE_CHECK_FAIL)
    if service is not None and await connects_samples_alone(visit):
        has_sample = _wanted_sample(visit, sources[service]) is not None
        return visit.address("begin") if has_sample else visit.destination.failure(Failure.ONBOARD_ERROR)
    if visit.journey.kind == "authorize" and await _has_what_is_asked_for(visit, service):
        return visit.address("consent")
    return visit.address("source" if service is None else f"connect/{service}")


def asks_who(visit: Visit) -> bool:
    """Tell whether the person is asked who they are first, because somebody used this browser before.

    Where the app names the person, they are asked only if a passkey has to confirm that it is them.
    """
    if visit.journey.proof is None and visit.journey.library_id is not None and not visit.proven:
        return any(secret.library_id == visit.journey.library_id for secret in visit.known_browsers)
    is_new = visit.journey.library_id is None and visit.journey.proof is None
    asks_nothing = visit.parameters.sample_data_auto_onboard
    return visit.journey.kind == "authorize" and is_new and not asks_nothing and bool(visit.known_browsers)


async def needs_proof(visit: Visit) -> bool:
    """Tell whether the person must prove who they are before they can do anything else.

    Write and read-raw contracts reach data that is already in the library, so they always need proof. So does
    reconnecting an account at a source without sign-in, since nothing else would show that the account is theirs.
    """
    if visit.proven:
        return False
    if visit.journey.kind == "reauthorize":
        account = await account_of_journey(visit)
        source = visit.platform.sources.connectable.get(account.source_id) if account is not None else None
        return account is not None and not isinstance(source, SignInSource | AskingSource)
    return visit.journey.kind in REVIEWED and visit.contract.kind != "read"


async def after_connecting(visit: Visit, account: AccountRow) -> str:
    """Return where the browser goes after the person connected an account."""
    if visit.journey.kind not in REVIEWED:
        return await outcome.add_accounts(visit, [account])
    await start_preview(visit, account)
    return visit.address("preview")


async def connects_samples_alone(visit: Visit) -> bool:
    """Tell whether to connect sample data without asking: the app wants it, and the library has no real data."""
    if not visit.parameters.sample_data_auto_onboard:
        return False
    return all(account.sample is not None for account in await shareable_accounts.visible_accounts(visit))


async def onboard_sample(visit: Visit, source: Source) -> str:
    """Connect and share sample data at once; return where the browser goes. Protocol 8.2, `sampleDataAutoOnboard`."""
    wanted = _wanted_sample(visit, source)
    if wanted is None:
        return await outcome.fail(visit, Failure.ONBOARD_ERROR)
    identity = await connections.identify_sample(source, wanted)
    account = await connections.connect_sample(visit, source, identity, wanted)
    if visit.journey.kind == "authorize":
        return await outcome.accept(visit, [account])
    return await outcome.add_accounts(visit, [account])


def _wanted_sample(visit: Visit, source: Source) -> str | None:
    wanted = visit.parameters.sample_data_set or DEFAULT_SAMPLE
    return wanted if wanted in {sample.id for sample in source.info.samples} else None


async def offered_source(visit: Visit, source_id: int) -> Source:
    """Return a source that may be connected on this journey. Raises NotFound."""
    require_kind(visit, *CONNECTING)
    source = allowed_sources(visit).get(source_id)
    account = await account_of_journey(visit)
    if source is None or (account is not None and account.source_id != source_id):
        raise NotFound("The app does not ask for this source")
    return source


async def account_of_journey(visit: Visit) -> AccountRow | None:
    """Load the account that this journey reconnects or withdraws, if it is such a journey. Protocol 7.3, 7.4."""
    if visit.journey.account_id is None:
        return None
    return await visit.db.get(AccountRow, (visit.journey.library_id, visit.journey.account_id))


async def _has_what_is_asked_for(visit: Visit, service: int | None) -> bool:
    shareable = await shareable_accounts.shareable_accounts(visit)
    return any(service in (None, entry.account.source_id) for entry in shareable)
