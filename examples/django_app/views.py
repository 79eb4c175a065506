"""A Django app that asks its visitors for their music and their health record, and shows each what it read.

Start page -> `/consent/start` -> consent pages of the platform -> `/consent/return` -> `/you`.
"""

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from examples.genrefy.insights import Insights
from examples.genrefy.pages import STOPPED, notice
from examples.genrefy.settings import Settings
from privateshare import InvalidToken, PrivateShare, PrivateShareError, User
from privateshare.web import Arrived

genrefy: Settings = settings.GENREFY
client = PrivateShare(
    genrefy.application_id,
    contract_id=genrefy.contract_id,
    private_key=genrefy.private_key,
    base_url=genrefy.base_url,
    token_store=genrefy.tokens,
)


def remember(request: HttpRequest, arrived: Arrived) -> HttpResponse:
    """Sign in a person who has consented."""
    person = arrived.token.user_id
    client.user(person).keep(arrived.token)
    request.session["person"] = person
    return redirect("/you")


def show(_request: HttpRequest) -> HttpResponse:
    """Show the data to a person who reloads the page after the redirect, or uses the back button."""
    return redirect("/you")


def explain(request: HttpRequest, error: PrivateShareError) -> HttpResponse:
    """Explain an error to the person."""
    request.session["notice"] = notice(error)
    return redirect("/")


def explained(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Wrap a view so that it explains errors, and signs out a person who has withdrawn elsewhere."""

    @wraps(view)
    def trying(request: HttpRequest) -> HttpResponse:
        try:
            return view(request)
        except InvalidToken as error:
            request.session.pop("person", None)  # The client has already deleted the token.
            return explain(request, error)
        except PrivateShareError as error:
            return explain(request, error)

    return trying


@require_GET
def start(request: HttpRequest) -> HttpResponse:
    """Show the start page."""
    person = person_of(request)
    lends = person is not None and person.token() is not None
    told = {"notice": request.session.pop("notice", None), "lends": lends}
    return render(request, "start.html", told)


@require_GET
@never_cache
@explained
def you(request: HttpRequest) -> HttpResponse:
    """Show what is in the person's data."""
    person = person_of(request)
    if person is None:
        return redirect("/")
    insights, session = Insights(), client.read_session(person)
    with client.read_all_files(session, person, on_file_error=insights.miss) as files:
        for file in files:
            insights.add(file)
    return render(request, "you.html", {"insights": insights})


@require_POST
@explained
def stop(request: HttpRequest) -> HttpResponse:
    """Delete the person's data and token, at their request."""
    person = person_of(request)
    if person is not None:
        client.delete_user(person)
        request.session.flush()
        request.session["notice"] = STOPPED
    return redirect("/")


def person_of(request: HttpRequest) -> User | None:
    """Return the person of a request, if they have shared data."""
    person = request.session.get("person")
    return client.user(person) if person else None
