"""Consent and webhooks in a web app: a route that sends people to the consent page, one that they come back to, and one
that the platform tells what happened.

The routes are in `privateshare.web.fastapi` (which is for Starlette too), `privateshare.web.flask` and
`privateshare.web.django`. What must be remembered while a person is away (state, verifier, session) is in an encrypted
cookie of their own browser.
"""

from privateshare.protocol.webhooks import Webhook, WebhookEvent
from privateshare.web.cookies import Arrived, Keeper

__all__ = ["Arrived", "Keeper", "Webhook", "WebhookEvent"]
