"""Consent in a web app: a route that sends people off, and one that they come back to.

`privateshare.web.fastapi` (and Starlette), `privateshare.web.flask`, `privateshare.web.django`. What must be kept
while a person is away (state, verifier, session) travels sealed in a cookie of their own browser.
"""

from privateshare.web.keeping import Arrived, Keeper

__all__ = ["Arrived", "Keeper"]
