"""Which page comes next on a journey."""

from privateshare.errors import NotFound
from privateshare.platform.consent import agreeing, connecting, ending
from privateshare.platform.consent.choices import allowed_sources, asks_for_sources, source_on_device
from privateshare.platform.consent.returning import Failure
from privateshare.platform.consent.walk import REVIEWED, Walk, require_kind
from privateshare.platform.db.tables import Account
from privateshare.platform.library.accounts import library_accounts
from privateshare.sources.contract import Source
from privateshare.sources.failures import LeftOut

DEFAULT_SAMPLE = "default"


async def first_page(walk: Walk) -> str:
    """Say where a journey begins, which writes nothing. Protocol 8.1, 8.2."""
    if walk.journey.kind == "revoke":
        return walk.address("withdraw")
    if (account := await the_account(walk)) is not None:
        return walk.address(f"connect/{account.source_id}")
    asks_for_none = not asks_for_sources(walk.contract, walk.parameters)
    if walk.journey.kind == "user-reauth" or (walk.journey.kind == "authorize" and asks_for_none):
        return walk.address("consent")
    if source_on_device(walk.contract, walk.parameters, walk.now) is not None:
        return walk.address("consent" if walk.journey.kind == "authorize" else "begin")
    sources = allowed_sources(walk.contract, walk.parameters, walk.now)
    service = walk.parameters.service
    if not sources or (service is not None and service not in sources):
        return walk.destination.failure(Failure.INITIALIZE_CHECK_FAIL)
    if service is not None and await connects_samples_alone(walk):
        has_sample = _wanted_sample(walk, sources[service]) is not None
        return walk.address("begin") if has_sample else walk.destination.failure(Failure.ONBOARD_ERROR)
    if walk.journey.kind == "authorize" and await _has_what_is_asked_for(walk, service):
        return walk.address("consent")
    return walk.address("source" if service is None else f"connect/{service}")


async def after_connecting(walk: Walk, account: Account) -> str:
    """Where a person goes who has connected an account."""
    if walk.journey.kind in REVIEWED:
        return walk.address("consent")
    return await ending.add_account(walk, account)


async def after_uploading(walk: Walk, upload: connecting.Upload, left_out: LeftOut) -> str:
    """Where a person goes who has uploaded an archive; first to what was not read of it, if they see no other page."""
    if walk.journey.kind not in REVIEWED and left_out.is_partial:
        return walk.address(f"upload/{upload.archive.id}")
    return await after_connecting(walk, upload.account)


async def connects_samples_alone(walk: Walk) -> bool:
    """Whether sample data is connected without asking: the app wants it, and no real data is in the library."""
    if not walk.parameters.sample_data_auto_onboard:
        return False
    if walk.journey.library_id is None:
        return True
    accounts = await library_accounts(walk.db, walk.journey.library_id)
    return all(account.sample is not None for account in accounts)


async def onboard_sample(walk: Walk, source: Source) -> str:
    """Connect and share sample data at once; return where the browser goes. Protocol 8.2, `sampleDataAutoOnboard`."""
    wanted = _wanted_sample(walk, source)
    if wanted is None:
        return await ending.fail(walk, Failure.ONBOARD_ERROR)
    identity = await connecting.identify_sample(source, wanted)
    account = await connecting.connect_sample(walk, source, identity, wanted)
    if walk.journey.kind == "authorize":
        return await ending.accept(walk, [account])
    return await ending.add_account(walk, account)


def _wanted_sample(walk: Walk, source: Source) -> str | None:
    wanted = walk.parameters.sample_data_set or DEFAULT_SAMPLE
    return wanted if wanted in {sample.id for sample in source.info.samples} else None


async def offered_source(walk: Walk, source_id: int) -> Source:
    """A source that may be connected on this journey. Raises NotFound."""
    require_kind(walk, *REVIEWED, "onboard", "reauthorize")
    source = allowed_sources(walk.contract, walk.parameters, walk.now).get(source_id)
    account = await the_account(walk)
    if source is None or (account is not None and account.source_id != source_id):
        raise NotFound("The app does not ask for this source")
    return source


async def the_account(walk: Walk) -> Account | None:
    """The account that this journey is about, if it is about one. Protocol 7.3, 7.4."""
    if walk.journey.account_id is None:
        return None
    return await walk.db.get(Account, (walk.journey.library_id, walk.journey.account_id))


async def _has_what_is_asked_for(walk: Walk, service: int | None) -> bool:
    shareable = await agreeing.shareable_accounts(walk)
    return any(service in (None, entry.account.source_id) for entry in shareable)
