"""The page where a person connects a source: with a sample data set, the archive they upload, or by signing in.

For some sources a person types something first, such as the address of their server or an app password. A password is
stored encrypted, as tokens are, and never shown again.
"""

from collections.abc import Mapping

from fastapi import APIRouter, Request
from starlette.responses import Response

from privateshare.platform.blobs.temporary import SealedTemporary
from privateshare.platform.consent import connections, navigation, pending_sign_in
from privateshare.platform.consent.drop_zone import DroppedFile, SortedFiles
from privateshare.platform.consent.export_reading import begin_reading
from privateshare.platform.consent.journey_files import dropped_files, known_uploads, read_upload, waiting_exports
from privateshare.platform.consent.known_browser import sender_address
from privateshare.platform.consent.marks import draw_mark
from privateshare.platform.consent.rendering import PageRoute, redirect
from privateshare.platform.consent.source_answers import (
    ANSWER,
    PROBLEMS,
    missing_problem,
    prepare_source,
    read_answers,
    sign_in_problem,
)
from privateshare.platform.consent.source_choice import contract_reach, shared_kinds
from privateshare.platform.consent.translation import N_, isolated_text
from privateshare.platform.consent.uploads import UploadForm
from privateshare.platform.consent.visit import (
    CONNECTING,
    UnfinishedVisit,
    Visit,
    check_sent_from_here,
    journey_page,
    lock_unfinished,
    view_unfinished,
)
from privateshare.platform.db.tables import ProviderRow
from privateshare.platform.http.requests import platform_of, public_address
from privateshare.platform.library.known_uploads import KnownUploads
from privateshare.platform.library.providers import find_provider
from privateshare.platform.operating.admission import place_given_up
from privateshare.sources.contract import (
    AskingSource,
    Broken,
    NeedsLogin,
    SignInSource,
    Source,
    TryLater,
)

METHOD_FIELD, UPLOAD, SAMPLE, SIGN_IN = "way", "upload", "sample:", "sign-in"
UNPROCESSABLE, TOO_LARGE, UNAVAILABLE = 422, 413, 503

router = APIRouter(route_class=PageRoute)


@router.get("/journey/{tag}/connect/{source_id}")
async def show_connect(visit: UnfinishedVisit, source_id: int, problem: str = "", provider: str = "") -> Response:
    """Show the methods to connect a source; with `problem`, also why the last attempt failed.

    With `provider`, the server is that of a health provider that the person chose by its name.
    """
    source = await navigation.offered_source(visit, source_id)
    chosen = await find_provider(visit.db, provider) if source.info.has_directory and provider else None
    name = isolated_text(chosen.name) if chosen else visit.words.source(source_id)
    problem_text = visit.words.say(PROBLEMS.get(problem, ""), source=name)
    return _show_methods(visit, source, problem_text, provider=chosen)


@router.post("/journey/{tag}/connect/{source_id}")
async def connect(request: Request, source_id: int) -> Response:
    """Connect a source with the method that was chosen; if any step fails, nothing is stored."""
    check_sent_from_here(request)
    visit, source = await _current(request, source_id)
    form = await read_upload(request, visit)
    if isinstance(form, str):
        return _show_methods(visit, source, form, TOO_LARGE, chosen=UPLOAD)
    try:
        async with platform_of(request).database.transaction() as db:
            # Bind the journey to this browser even if the form has mistakes.
            visit = await lock_unfinished(request, db, CONNECTING)
            known = await known_uploads(visit)
        return await _connect_chosen(request, visit, source, form, known)
    finally:
        form.close()


async def _connect_chosen(
    request: Request, visit: Visit, source: Source, form: UploadForm, known: KnownUploads
) -> Response:
    method = form.fields.get(METHOD_FIELD) or (UPLOAD if form.file is not None else "")
    sample = method.removeprefix(SAMPLE) if method.startswith(SAMPLE) else None
    if sample in {offered.id for offered in source.info.samples}:
        return await _connect_sample(request, source, sample)
    if method == SIGN_IN and isinstance(source, SignInSource | AskingSource):
        return await _sign_in(request, visit, source, form.fields)
    if method != UPLOAD or source.info.upload is None or _needs_sign_in(visit):
        return _show_methods(visit, source, visit.words.say(N_("Choose one of these first.")), missing=True)
    if form.file is None:
        return _show_methods(visit, source, visit.words.say(N_("Choose the file to upload.")), chosen=UPLOAD)
    return await _read_upload(visit, source, form, form.file, known)


async def _connect_sample(request: Request, source: Source, sample: str) -> Response:
    identity = await connections.identify_sample(source, sample)
    async with platform_of(request).database.transaction() as db:
        visit = await lock_unfinished(request, db, CONNECTING)
        if not await connections.is_expected(visit, identity):
            return _another_account(visit, source)
        account = await connections.connect_sample(visit, source, identity, sample)
        return redirect(await navigation.after_connecting(visit, account))


async def _sign_in(
    request: Request, visit: Visit, source: SignInSource | AskingSource, fields: Mapping[str, str]
) -> Response:
    """Begin the sign-in at the source, or connect it at once with what the person typed."""
    answers = await read_answers(visit.platform, source, fields)

    def again(problem: str, field: str = "") -> Response:
        shown, provider = answers.shown, answers.provider
        return _show_methods(visit, source, problem, chosen=SIGN_IN, answers=shown, field=field, provider=provider)

    if (missing := answers.missing()) is not None:
        return again(missing_problem(visit.words, missing), missing.name)
    if source.info.asks:
        await visit.platform.limits.check_server(sender_address(request))
    try:
        async with place_given_up():
            return await _begin_sign_in(request, visit, source, answers.values)
    except (TryLater, NeedsLogin, Broken) as failure:
        return again(sign_in_problem(visit.words, answers.source_name(visit.words, source), failure))


async def _begin_sign_in(
    request: Request, visit: Visit, source: SignInSource | AskingSource, answers: Mapping[str, str]
) -> Response:
    """Send the browser to the source, or connect the account. Raises TryLater, NeedsLogin or Broken."""
    platform, origin = platform_of(request), public_address(request)
    known = await prepare_source(source, answers, origin)
    if isinstance(source, SignInSource):
        begun = pending_sign_in.find_pending(visit)
        pending = await pending_sign_in.make_sign_in(platform, source, visit.cookie.tag, origin, known, begun)
        async with platform.database.transaction() as db:
            visit = await lock_unfinished(request, db, CONNECTING)
            pending_sign_in.begin_sign_in(visit, pending)
            return redirect(visit.address(f"sign-in/{source.info.id}"))
    identity = await connections.identify_signed_in(source, known)
    async with platform.database.transaction() as db:
        visit = await lock_unfinished(request, db, CONNECTING)
        await connections.prove_by_sign_in(visit, source, identity)
        if not await connections.is_expected(visit, identity, signed_in=True):
            return _another_account(visit, source)
        account = await connections.connect_signed_in(visit, source, identity, known)
        return redirect(await navigation.after_connecting(visit, account))


async def _read_upload(
    visit: Visit, source: Source, form: UploadForm, archive: SealedTemporary, known: KnownUploads
) -> Response:
    """Begin to read an archive, and lead to the page that shows what is in it. Raises RequestTooLarge."""
    file = DroppedFile("", form.file_name, 0, archive)
    await begin_reading(dropped_files(visit), waiting_exports(visit), known, SortedFiles([(source, file)]))
    form.take_file()
    return redirect(visit.address(f"found?source={source.info.id}"))


async def _current(request: Request, source_id: int) -> tuple[Visit, Source]:
    """Load the journey and the source. The transaction ends here, so that none is open during an upload."""
    async with platform_of(request).database.transaction() as db:
        # Nothing may be written yet, since the token of the form has not been checked.
        visit = await view_unfinished(request, db, CONNECTING)
        return visit, await navigation.offered_source(visit, source_id)


def _needs_sign_in(visit: Visit) -> bool:
    """Tell whether only signing in shows that the account is this person's, because they have no other proof."""
    return visit.journey.kind == "reauthorize" and not visit.proven


def _another_account(visit: Visit, source: Source) -> Response:
    return _show_methods(visit, source, visit.words.say(PROBLEMS["another"]))


def _show_methods(
    visit: Visit,
    source: Source,
    problem: str = "",
    status: int = UNPROCESSABLE,
    *,
    chosen: str = "",
    missing: bool = False,
    answers: Mapping[str, str] | None = None,
    field: str = "",
    provider: ProviderRow | None = None,
) -> Response:
    reach = contract_reach(visit.contract, visit.now)
    only_sign_in = _needs_sign_in(visit)
    values = {
        "source": isolated_text(provider.name) if provider else visit.words.source(source.info.id),
        "source_id": source.info.id,
        "provider": provider,
        "mark": draw_mark(provider.name, None)
        if provider
        else draw_mark(visit.words.source(source.info.id), source.info.brand),
        "samples": () if only_sign_in or provider else source.info.samples,
        "upload": None if only_sign_in else source.info.upload,
        "signs_in": source.info.signs_in,
        "questions": source.info.asks,
        "asks_title": visit.words.say(source.info.asks_title),
        "asks_text": visit.words.say(source.info.asks_text),
        "answers": answers or {},
        "kinds": visit.words.kinds(shared_kinds(reach, source.info)),
        "chosen": chosen or (f"{SAMPLE}{visit.parameters.sample_data_set}" if visit.parameters.sample_data_set else ""),
        "max_bytes": visit.platform.settings.max_upload_bytes,
        "max_size": visit.words.size(visit.platform.settings.max_upload_bytes),
        "picked": visit.parameters.service is not None or visit.journey.kind == "reauthorize",
        "problem": problem,
        "problem_field": "archive" if chosen == UPLOAD else "ways" if missing else f"{ANSWER}{field}" if field else "",
    }
    return journey_page(visit, "connect.html", values, status=status if problem else 200)
