"""The page where a person connects a source: with a sample data set, the archive they upload, or by signing in."""

import asyncio

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from privateshare.errors import RequestTooLarge
from privateshare.platform.admission import place_given_up
from privateshare.platform.api.requests import platform_of, public_address
from privateshare.platform.archive_readers import ReaderFailed
from privateshare.platform.blobs.temporary import SealedTemporary
from privateshare.platform.consent import connecting, ending, signing_in, steps
from privateshare.platform.consent.choices import contract_reach, shared_kinds
from privateshare.platform.consent.pages import PageRoute, redirect
from privateshare.platform.consent.upload_notes import left_out_words
from privateshare.platform.consent.uploads import Form, read_form
from privateshare.platform.consent.walk import (
    TOKEN_FIELD,
    OpenWalk,
    Walk,
    check_form_token,
    check_open,
    check_sent_from_here,
    journey_page,
    open_walk,
    view_walk,
)
from privateshare.platform.consent.wording import N_
from privateshare.platform.sync.orphans import kept_if_recorded
from privateshare.sources.contract import Broken, SignInSource, Source, TryLater
from privateshare.sources.failures import LeftOut, our_fault

WAY, UPLOAD, SAMPLE, SIGN_IN = "way", "upload", "sample:", "sign-in"
PROBLEMS = {  # with which a sign-in may lead back here
    "declined": N_("You did not sign in at %(source)s. Try again, or cancel."),
    "failed": N_("%(source)s could not complete the sign-in. Try again, or choose another source."),
    "away": N_("%(source)s does not answer. Try again in a moment."),
    "another": N_("This is another account. Connect the same one as before."),
}
UNPROCESSABLE, TOO_LARGE, UNAVAILABLE = 422, 413, 503

router = APIRouter(route_class=PageRoute)


@router.get("/journey/{tag}/connect/{source_id}")
async def show_connect(walk: OpenWalk, source_id: int, problem: str = "") -> Response:
    """The ways to connect a source; with `problem` why it did not work."""
    source = await steps.offered_source(walk, source_id)
    told = walk.words.say(PROBLEMS.get(problem, ""), source=walk.words.source(source_id))
    return _ways(walk, source, told)


@router.post("/journey/{tag}/connect/{source_id}")
async def connect(request: Request, source_id: int) -> Response:
    """Connects a source in the way that was chosen; nothing stays unless all of it is good."""
    check_sent_from_here(request)
    settings = platform_of(request).settings
    walk, source = await _current(request, source_id)

    def admit(fields: dict[str, str]) -> None:
        check_form_token(walk.browser, fields.get(TOKEN_FIELD))

    try:
        form = await read_form(request, settings.data, settings.max_upload_bytes, admit)
    except RequestTooLarge:
        limit = walk.words.size(settings.max_upload_bytes)
        problem = walk.words.say(N_("This file is too large: at most %(limit)s can be uploaded."), limit=limit)
        return _ways(walk, source, problem, TOO_LARGE, chosen=UPLOAD)
    try:
        async with platform_of(request).database.transaction() as db:
            walk = await _open(request, db)  # whatever the form says: it is the first, or of the same browser
        return await _connect_chosen(request, walk, source, form)
    finally:
        form.close()


async def _connect_chosen(request: Request, walk: Walk, source: Source, form: Form) -> Response:
    way = form.fields.get(WAY) or (UPLOAD if form.file is not None else "")
    sample = way.removeprefix(SAMPLE) if way.startswith(SAMPLE) else None
    if sample in {offered.id for offered in source.info.samples}:
        return await _connect_sample(request, source, sample)
    if way == SIGN_IN and isinstance(source, SignInSource):
        return await _begin_sign_in(request, walk, source)
    if way != UPLOAD or source.info.upload is None:
        return _ways(walk, source, walk.words.say(N_("Choose one of these first.")))
    if form.file is None:
        return _ways(walk, source, walk.words.say(N_("Choose the file to upload.")), chosen=UPLOAD)
    return await _connect_archive(request, walk, source, form.file)


async def _connect_sample(request: Request, source: Source, sample: str) -> Response:
    identity = await connecting.identify_sample(source, sample)
    async with platform_of(request).database.transaction() as db:
        walk = await _open(request, db)
        if not await connecting.is_expected(walk, identity):
            return _another_account(walk, source)
        account = await connecting.connect_sample(walk, source, identity, sample)
        return redirect(await steps.after_connecting(walk, account))


async def _begin_sign_in(request: Request, walk: Walk, source: SignInSource) -> Response:
    try:
        async with place_given_up():
            sign_in = await asyncio.to_thread(source.sign_in)
    except TryLater:
        return _ways(walk, source, walk.words.say(PROBLEMS["away"], source=walk.words.source(source.info.id)))
    except Broken as error:
        return _ways(walk, source, walk.words.problem(error))
    async with platform_of(request).database.transaction() as db:
        walk = await _open(request, db)
        signing_in.begin(walk, source.info.id, sign_in, public_address(request))
        return redirect(walk.address(f"sign-in/{source.info.id}"))


async def _connect_archive(request: Request, walk: Walk, source: Source, archive: SealedTemporary) -> Response:
    platform = platform_of(request)
    try:
        async with place_given_up():  # a large archive takes minutes
            checked = await connecting.check_archive(platform, source, archive)
    except ReaderFailed:
        return _ways(walk, source, walk.words.problem(our_fault()), UNAVAILABLE, chosen=UPLOAD)
    except Broken as error:
        return _ways(walk, source, walk.words.problem(error), chosen=UPLOAD, left_out=error.left_out)
    async with platform.database.transaction() as db:
        walk = await _open(request, db)
        if not await connecting.is_expected(walk, checked.identity):
            return _another_account(walk, source)
        library = await ending.journey_library(walk)
    kept = await connecting.keep_archive(platform, library, archive)
    async with kept_if_recorded(platform, kept.blob), platform.database.transaction() as db:
        walk = await _open(request, db)
        upload = await connecting.connect_archive(walk, source, checked, kept)
        return redirect(await steps.after_uploading(walk, upload, checked.left_out))


async def _current(request: Request, source_id: int) -> tuple[Walk, Source]:
    """The journey and the source, in a transaction that is over: none is held while an upload arrives."""
    async with platform_of(request).database.transaction() as db:
        walk = await view_walk(request, db, request.path_params["tag"])  # its form has not shown its token yet
        check_open(walk)
        return walk, await steps.offered_source(walk, source_id)


async def _open(request: Request, db: AsyncSession) -> Walk:
    walk = await open_walk(request, db, request.path_params["tag"])
    check_open(walk)
    return walk


def _another_account(walk: Walk, source: Source) -> Response:
    return _ways(walk, source, walk.words.say(PROBLEMS["another"]))


def _ways(
    walk: Walk,
    source: Source,
    problem: str = "",
    status: int = UNPROCESSABLE,
    *,
    chosen: str = "",
    left_out: LeftOut | None = None,
) -> Response:
    reach = contract_reach(walk.contract, walk.now)
    values = {
        "source": walk.words.source(source.info.id),
        "source_id": source.info.id,
        "samples": source.info.samples,
        "upload": source.info.upload,
        "signs_in": source.info.signs_in,
        "kinds": walk.words.kinds(shared_kinds(reach, source.info)),
        "chosen": chosen or (f"{SAMPLE}{walk.parameters.sample_data_set}" if walk.parameters.sample_data_set else ""),
        "max_bytes": walk.platform.settings.max_upload_bytes,
        "max_size": walk.words.size(walk.platform.settings.max_upload_bytes),
        "picked": walk.parameters.service is not None or walk.journey.kind == "reauthorize",
        "problem": problem,
        "left_out": left_out_words(walk.words, left_out) if left_out is not None else (),
    }
    return journey_page(walk, "connect.html", values, status=status if problem else 200)
