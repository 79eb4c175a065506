"""A Flask app that asks its visitors for their music and their health record, and shows each what it read.

Start page -> `/consent/start` -> consent pages of the platform -> `/consent/return` -> `/you`.
"""

from flask import Flask, make_response, redirect, render_template, session
from flask.typing import ResponseReturnValue

from examples.genrefy.insights import Insights
from examples.genrefy.pages import STOPPED, TEMPLATES, notice
from examples.genrefy.settings import Settings, from_environment
from privateshare import InvalidToken, PrivateShare, PrivateShareError, UserAccessToken
from privateshare.web import Arrived
from privateshare.web.flask import consent_blueprint


def create_app() -> Flask:
    """The app of the contract that the environment names."""
    settings = from_environment()
    client = PrivateShare(
        settings.application_id,
        contract_id=settings.contract_id,
        private_key=settings.private_key,
        base_url=settings.base_url,
        on_access_token_change=settings.keep,
    )
    app = Flask(__name__, template_folder=TEMPLATES)
    app.config.from_mapping(
        SECRET_KEY=settings.secret, SESSION_COOKIE_SECURE=settings.secure, SESSION_COOKIE_SAMESITE="Lax"
    )
    add_consent(app, client, settings)
    add_pages(app, client, settings)
    return app


def add_consent(app: Flask, client: PrivateShare, settings: Settings) -> None:
    """How people come to lend their data, and what they are told when it does not work."""

    def remember(arrived: Arrived) -> ResponseReturnValue:
        settings.keep(arrived.token)
        session["person"] = arrived.token.user_id
        return redirect("/you", 303)

    @app.errorhandler(PrivateShareError)
    def explain(error: PrivateShareError) -> ResponseReturnValue:
        session["notice"] = notice(error)
        return redirect("/", 303)

    @app.errorhandler(InvalidToken)
    def forget(error: InvalidToken) -> ResponseReturnValue:
        settings.tokens.delete(session.pop("person", ""))
        return explain(error)

    consent = consent_blueprint(
        client, secret=settings.secret, redirect_uri=settings.redirect_uri, on_token=remember, on_failure=explain
    )
    app.register_blueprint(consent, url_prefix="/consent")


def add_pages(app: Flask, client: PrivateShare, settings: Settings) -> None:
    """The start page, what a person lends, and the end of that."""

    def token_of_visitor() -> UserAccessToken | None:
        return settings.tokens.get(session.get("person", ""))

    @app.get("/")
    def start() -> ResponseReturnValue:
        lends = token_of_visitor() is not None
        return render_template("start.html", notice=session.pop("notice", None), lends=lends)

    @app.get("/you")
    def you() -> ResponseReturnValue:
        token = token_of_visitor()
        if token is None:
            return redirect("/", 303)
        insights, session = Insights(), client.read_session(token)
        with client.read_all_files(session, token, on_file_error=insights.miss) as files:
            for file in files:
                insights.add(file)
        response = make_response(render_template("you.html", insights=insights))
        response.cache_control.no_store = True
        return response

    @app.post("/stop")
    def stop() -> ResponseReturnValue:
        token = token_of_visitor()
        if token is not None:
            client.delete_user(token)
            settings.tokens.delete(token.user_id)
            session.clear()
            session["notice"] = STOPPED
        return redirect("/", 303)
