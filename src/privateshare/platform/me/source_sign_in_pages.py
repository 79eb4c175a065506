"""`/me/…/connect`: a person signs in at a source, or types an app password, and its data is added to theirs.

Nothing is shared with an app by it. The sign-in is the one of the consent pages; what is pending of it is stored with
the browser, encrypted with the key of the library, and used once.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from uuid import UUID

import orjson
import structlog
from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import Response

from privateshare.errors import NotFound
from privateshare.platform.consent import pending_sign_in
from privateshare.platform.consent.connections import identify_signed_in
from privateshare.platform.consent.known_browser import sender_address
from privateshare.platform.consent.marks import draw_mark
from privateshare.platform.consent.pending_sign_in import PendingSignIn
from privateshare.platform.consent.rendering import PageRoute, redirect
from privateshare.platform.consent.source_answers import (
    ANSWER,
    PROBLEMS,
    PROVIDER_FIELD,
    chosen_provider,
    missing_problem,
    prepare_source,
    read_answers,
    sign_in_problem,
)
from privateshare.platform.consent.translation import isolated_text
from privateshare.platform.consent.visit import MAX_FORM_FIELDS, TOKEN_FIELD, check_sent_from_here
from privateshare.platform.db.tables import ProviderRow
from privateshare.platform.http.requests import platform_of, public_address
from privateshare.platform.library.connected_sources import ConnectedSource, connect_account
from privateshare.platform.library.credentials import revoke_token
from privateshare.platform.library.providers import search_providers
from privateshare.platform.me.visitor import MyPage, Visitor, check_token, find_visitor
from privateshare.platform.operating.admission import place_given_up
from privateshare.platform.sync.sessions import sync_for_person
from privateshare.sources.contract import (
    AskingSource,
    Broken,
    Identity,
    JsonObject,
    NeedsLogin,
    SignInSource,
    TryLater,
)

SIGN_IN = "sign-in on the own pages"  # The purpose under which what is pending of a sign-in is sealed.
UNPROCESSABLE = 422
MAX_LINKS = 60

router = APIRouter(route_class=PageRoute, include_in_schema=False)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SignInLink:
    """A source at which a person can sign in, or that they can connect by something else that they type."""

    name: str
    mark: Markup
    address: str


@dataclass(frozen=True, slots=True)
class SourceGroup:
    """Sources that are connected in the same way. It has no title if that is a sign-in."""

    links: Sequence[SignInLink]
    title: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class OwnReturn:
    """A browser that came back from a sign-in that it began on the person's own pages."""

    source: SignInSource
    pending: PendingSignIn
    code: str = field(repr=False)
    issuer: str | None


def source_groups(visitor: Visitor, wanted: str) -> list[SourceGroup]:
    """List the sources that a person can connect without a file, by name; those whose name has `wanted` in it.

    Those at which they sign in come first.
    """
    found: dict[tuple[str, str], list[SignInLink]] = {("", ""): []}
    for id_, source in visitor.platform.sources.connectable.items():
        name = visitor.words.source(id_)
        if isinstance(source, SignInSource | AskingSource) and wanted.casefold() in name.casefold():
            link = SignInLink(name, draw_mark(name, source.info.brand), visitor.address(f"connect/{id_}"))
            found.setdefault((source.info.asks_title, source.info.asks_text), []).append(link)
    say = visitor.words.say
    return [SourceGroup(_by_name(links), say(title), say(text)) for (title, text), links in found.items()]


def _by_name(links: Sequence[SignInLink]) -> list[SignInLink]:
    return sorted(links, key=lambda link: link.name.casefold())[:MAX_LINKS]


@router.get("/me/{browser_id}/connect")
async def show_sign_ins(visitor: MyPage, q: str = "") -> Response:
    """List the sources that the person can connect without a file."""
    signing_in, *others = source_groups(visitor, q)
    links = [*signing_in.links, *await _provider_links(visitor, q)]
    groups = [group for group in (SourceGroup(links), *others) if group.links]
    return visitor.page("me-sign-ins.html", {"groups": groups, "wanted": q})


async def _provider_links(visitor: Visitor, wanted: str) -> list[SignInLink]:
    """List the health providers that the operator imported and that match a search."""
    sources = visitor.platform.sources.connectable.values()
    id_ = next((source.info.id for source in sources if source.info.has_directory), None)
    if id_ is None or not wanted:
        return []
    async with visitor.platform.database.transaction() as db:
        rows = (await search_providers(db, wanted, MAX_LINKS)).rows
    return [
        SignInLink(
            isolated_text(" · ".join(part for part in (row.name, row.place) if part)),
            draw_mark(row.name, None),
            visitor.address(f"connect/{id_}?{PROVIDER_FIELD}={row.id}"),
        )
        for row in rows
    ]


@router.get("/me/{browser_id}/connect/{source_id}")
async def show_own_connect(visitor: MyPage, source_id: int, problem: str = "", provider: str = "") -> Response:
    """Show how to sign in at a source; with `problem`, also why the last attempt failed."""
    source = _source(visitor, source_id)
    chosen = await chosen_provider(visitor.platform, source, {PROVIDER_FIELD: provider})
    name = isolated_text(chosen.name) if chosen is not None else visitor.words.source(source_id)
    text = visitor.words.say(PROBLEMS.get(problem, ""), source=name)
    return _page(visitor, source_id, text, provider=chosen)


@router.post("/me/{browser_id}/connect/{source_id}")
async def begin_own_sign_in(request: Request, browser_id: UUID, source_id: int) -> Response:
    """Begin the sign-in at a source, or connect it at once with what the person typed."""
    check_sent_from_here(request)
    platform = platform_of(request)
    async with platform.database.transaction() as db:  # None is open while the source is asked.
        visitor = await find_visitor(request, db, browser_id)
    async with request.form(max_files=0, max_fields=MAX_FORM_FIELDS) as form:
        fields = {name: str(value) for name, value in form.items()}
    check_token(visitor.browser, fields.get(TOKEN_FIELD, ""))
    source = _source(visitor, source_id)
    answers = await read_answers(platform, source, fields)

    def again(problem: str, at: str = "") -> Response:
        return _page(visitor, source_id, problem, answers.shown, at, answers.provider)

    if (missing := answers.missing()) is not None:
        return again(missing_problem(visitor.words, missing), missing.name)
    if source.info.asks:
        await platform.limits.check_server(sender_address(request))
    try:
        async with place_given_up():
            return await _begin(request, visitor, source, answers.values)
    except (TryLater, NeedsLogin, Broken) as failure:
        return again(sign_in_problem(visitor.words, answers.source_name(visitor.words, source), failure))


async def _begin(
    request: Request, visitor: Visitor, source: SignInSource | AskingSource, answers: Mapping[str, str]
) -> Response:
    """Prepare the sign-in, or connect the account. Raises TryLater, NeedsLogin or Broken."""
    origin = public_address(request)
    known = await prepare_source(source, answers, origin)
    if not isinstance(source, SignInSource):
        identity = await identify_signed_in(source, known)
        return await _connect(request, visitor.browser.id, source, identity, known)
    tag = f"{pending_sign_in.OWN_PAGES}{visitor.browser.id}"
    pending = await pending_sign_in.make_sign_in(visitor.platform, source, tag, origin, known, _pending(visitor))
    async with visitor.platform.database.transaction() as db:
        visitor = await find_visitor(request, db, visitor.browser.id)
        content = orjson.dumps(asdict(pending))
        visitor.browser.sealed_sign_in = visitor.library.seal(SIGN_IN, visitor.browser.id, content)
    return redirect(visitor.address(f"sign-in/{source.info.id}"))


@router.get("/me/{browser_id}/sign-in/{source_id}")
async def show_own_sign_in(visitor: MyPage, source_id: int) -> Response:
    """Show a page that sends the browser to the source. A form cannot, because CSP form-action forbids it."""
    pending = _pending(visitor)
    if pending is None or pending.source_id != source_id:
        return redirect(visitor.address(f"connect/{source_id}"))
    name = pending.known.get("name")  # The person sees where they go, if they chose it by a name or an address.
    source = isolated_text(str(name)) if name else visitor.words.source(source_id)
    values: dict[str, object] = {"source": source, "onward": pending.address}
    return visitor.page("me-leave.html", values)


@router.get("/me/{browser_id}/connected/{way}")
async def come_back_to_own_pages(request: Request, browser_id: UUID, way: str) -> Response:
    """Take the browser back from a source, which works once. `way` is the end of the redirect URI that was used."""
    platform = platform_of(request)
    async with platform.database.transaction() as db:
        visitor = await find_visitor(request, db, browser_id)
        returned = _take_return(request, visitor, way)
    if isinstance(returned, Response):
        return returned
    source, address = returned.source, visitor.address(f"connect/{returned.pending.source_id}")
    try:
        async with place_given_up():
            token, identity = await pending_sign_in.exchange_for_account(
                platform, source, returned.pending, returned.code, returned.issuer
            )
    except TryLater:
        return redirect(f"{address}?problem=away")
    except (NeedsLogin, Broken):
        return redirect(f"{address}?problem=failed")
    try:
        return await _connect(request, browser_id, source, identity, token)
    except BaseException:  # Revoke the token on any failure, so that a token we do not store cannot be used.
        await revoke_token(platform.sources, source.info.id, token)
        raise


def _take_return(request: Request, visitor: Visitor, way: str) -> OwnReturn | Response:
    """Read what the browser came back with, and forget the sign-in; or return the response that it gets instead."""
    query, pending = request.query_params, _pending(visitor)
    if pending is None or not hmac.compare_digest(pending.state.encode(), query.get("state", "").encode()):
        return redirect(visitor.address("connect"))
    visitor.browser.sealed_sign_in = None
    source, address = _source(visitor, pending.source_id), visitor.address(f"connect/{pending.source_id}")
    assert isinstance(source, SignInSource)
    if not pending.redirect_uri.endswith(f"/{way}"):  # Another source sent the browser here.
        return redirect(f"{address}?problem=failed")
    code = query.get(pending.code_parameter, "")
    if "error" in query or not code:
        return redirect(f"{address}?problem={'declined' if query.get('error') == 'access_denied' else 'failed'}")
    return OwnReturn(source, pending, code, query.get("iss"))


async def _connect(
    request: Request, browser_id: UUID, source: SignInSource | AskingSource, identity: Identity, token: JsonObject
) -> Response:
    """Add the account that the person signed in to to their data, and begin to fetch it."""
    platform = platform_of(request)
    async with platform.database.transaction() as db:
        visitor = await find_visitor(request, db, browser_id)
        connected = ConnectedSource(source.info, identity, token=token)
        account = await connect_account(db, platform, visitor.library, connected)
        await sync_for_person(db, platform, account)
    log.info("a person signs in at a source", library=str(visitor.library.id), source=source.info.id)
    return redirect(f"{visitor.address('add')}?accounts={account.id}")


def _pending(visitor: Visitor) -> PendingSignIn | None:
    sealed = visitor.browser.sealed_sign_in
    if sealed is None:
        return None
    return PendingSignIn(**orjson.loads(visitor.library.open(SIGN_IN, visitor.browser.id, sealed)))


def _source(visitor: Visitor, source_id: int) -> SignInSource | AskingSource:
    """Return a source at which a person can sign in. Raises NotFound."""
    source = visitor.platform.sources.connectable.get(source_id)
    if not isinstance(source, SignInSource | AskingSource):
        raise NotFound("Nobody can sign in at this source here")
    return source


def _page(
    visitor: Visitor,
    source_id: int,
    problem: str = "",
    answers: Mapping[str, str] | None = None,
    at: str = "",
    provider: ProviderRow | None = None,
) -> Response:
    source, name = _source(visitor, source_id), visitor.words.source(source_id)
    values: dict[str, object] = {
        "source": name if provider is None else isolated_text(provider.name),
        "provider": provider,
        "mark": draw_mark(name, source.info.brand) if provider is None else draw_mark(provider.name, None),
        "target": visitor.address(f"connect/{source_id}"),
        "signs_in": source.info.signs_in,
        "questions": source.info.asks,
        "asks_title": visitor.words.say(source.info.asks_title),
        "asks_text": visitor.words.say(source.info.asks_text),
        "answers": answers or {},
        "problem": problem,
        "problem_field": f"{ANSWER}{at}" if at else "",
    }
    return visitor.page("me-connect.html", values, UNPROCESSABLE if problem else 200)
