"""The step by step guide to reading of the official Node.js client, word by word in Python."""

from collections.abc import Iterator

import pytest

from privateshare import File, FileError, PageUrl, SampleDataOptions, SessionOptions, Status, UserAccessToken
from privateshare.testing import InMemoryPlatform

CALLBACK = "http://127.0.0.1/return"


@pytest.fixture
def platform() -> Iterator[InMemoryPlatform]:
    with InMemoryPlatform() as running:
        for number in range(5):
            running.lend("playhistory", [{"entityid": str(number)}])
        yield running


def test_the_guide_can_be_followed(platform: InMemoryPlatform) -> None:
    """List services, authorize, exchange the code, connect one more source, read with callbacks, and read again."""
    read: list[File] = []
    failed: list[FileError] = []
    told: list[Status] = []
    refreshed: list[UserAccessToken] = []
    with platform.client(on_access_token_change=refreshed.append) as app:
        service_id = app.get_available_services().services[0].id
        assert app.get_service_sample_data_sets(source_id=16)

        asked = app.get_authorize_url(
            callback=CALLBACK,
            state="user 17",
            service_id=service_id,
            user_access_token=None,
            session_options=SessionOptions(),
            source_type="pull",
            sample_data=SampleDataOptions(data_set="default", auto_onboard=False),
            locale="en",
        )
        assert f"service={service_id}" in asked.url
        assert "sampleDataSet=default" in asked.url
        assert asked.state == "user 17"

        returned = app.read_return(platform.consent(asked.url), state=asked.state)
        user_access_token = app.exchange_code_for_token(
            code_verifier=asked.code_verifier, authorization_code=returned.code
        )

        page: PageUrl = app.get_onboard_service_url(
            callback=CALLBACK, service_id=16, user_access_token=user_access_token, state="user 17"
        )
        assert app.read_return(platform.consent(page.url), state=page.state).account_reference

        reading = app.read_all_files(
            session_key=asked.session.key,
            user_access_token=user_access_token,
            on_file_data=read.append,
            on_file_error=failed.append,
            on_status_change=told.append,
            on_access_token_change=refreshed.append,
        )
        assert reading.result().files == len(read) == 5
        assert failed == []
        assert told[-1].state == "completed"
        reading.stop_polling()  # It has ended, so there is nothing to stop.

        platform.expire_access_tokens()
        session = app.read_session(user_access_token=user_access_token, session_options=SessionOptions())
        assert refreshed, "the token was refreshed, and the app keeps the new one"
        again = app.read_all_files(session_key=session, user_access_token=refreshed[-1])
        assert len(list(again)) == 5
