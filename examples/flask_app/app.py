"""A Flask app that asks its visitors for their music and their health record, and shows each what it read.

Start page -> `/consent/start` -> consent pages of the platform -> `/consent/return` -> `/you`.
"""

from flask import Flask, make_response, redirect, render_template, session
from flask.typing import ResponseReturnValue

from examples.genrefy.insights import Insights
from examples.genrefy.pages import STOPPED, TEMPLATES, notice
from examples.genrefy.settings import Settings, from_environment
from privateshare import InvalidToken, PrivateShare, PrivateShareError, User
from privateshare.web import Arrived
from privateshare.web.flask import consent_blueprint


def create_app() -> Flask:
    """Create the app from the settings in the environment."""
    settings = from_environment()
    client = PrivateShare(
        settings.application_id,
        contract_id=settings.contract_id,
        private_key=settings.private_key,
        base_url=settings.base_url,
        token_store=settings.tokens,
    )
    app = Flask(__name__, template_folder=TEMPLATES)
    app.config.from_mapping(
        SECRET_KEY=settings.secret, SESSION_COOKIE_SECURE=settings.secure, SESSION_COOKIE_SAMESITE="Lax"
    )
    add_consent(app, client, settings)
    add_pages(app, client)
    return app


def add_consent(app: Flask, client: PrivateShare, settings: Settings) -> None:
    """Add the routes for consent, and the messages for errors."""

    def remember(arrived: Arrived) -> ResponseReturnValue:
        person = arrived.token.user_id
        client.user(person).keep(arrived.token)
        session["person"] = person
        return redirect("/you", 303)

    def show() -> ResponseReturnValue:
        return redirect("/you", 303)

    @app.errorhandler(PrivateShareError)
    def explain(error: PrivateShareError) -> ResponseReturnValue:
        session["notice"] = notice(error)
        return redirect("/", 303)

    @app.errorhandler(InvalidToken)
    def forget(error: InvalidToken) -> ResponseReturnValue:
        session.pop("person", None)  # The client has already deleted the token.
        return explain(error)

    consent = consent_blueprint(
        client,
        secret=settings.secret,
        redirect_uri=settings.redirect_uri,
        on_token=remember,
        on_failure=explain,
        on_repeat=show,
    )
    app.register_blueprint(consent, url_prefix="/consent")


def add_pages(app: Flask, client: PrivateShare) -> None:
    """Add the start page, the page with the data, and the route that deletes it."""

    def visitor() -> User | None:
        person = session.get("person")
        return client.user(person) if person else None

    @app.get("/")
    def start() -> ResponseReturnValue:
        person = visitor()
        lends = person is not None and person.token() is not None
        return render_template("start.html", notice=session.pop("notice", None), lends=lends)

    @app.get("/you")
    def you() -> ResponseReturnValue:
        person = visitor()
        if person is None:
            return redirect("/", 303)
        insights, reading = Insights(), client.read_session(person)
        with client.read_all_files(reading, person, on_file_error=insights.miss) as files:
            for file in files:
                insights.add(file)
        response = make_response(render_template("you.html", insights=insights))
        response.cache_control.no_store = True
        return response

    @app.post("/stop")
    def stop() -> ResponseReturnValue:
        person = visitor()
        if person is not None:
            client.delete_user(person)
            session.clear()
            session["notice"] = STOPPED
        return redirect("/", 303)
