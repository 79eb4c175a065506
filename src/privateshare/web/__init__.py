"""Consent in a web app: a route that sends people to the consent page, and one that they come back to.

The routes are in `privateshare.web.fastapi` (which is for Starlette too), `privateshare.web.flask` and
`privateshare.web.django`. What must be remembered while a person is away (state, verifier, session) is in an encrypted
cookie of their own browser.
"""

from privateshare.web.cookies import Arrived, Keeper

__all__ = ["Arrived", "Keeper"]
