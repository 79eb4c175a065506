"""Chromium's virtual authenticator, which makes and uses passkeys in tests; a copy of one that attackers may use."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from playwright.async_api import Browser, CDPSession, Page

from tests.flow.browsing import visiting

DEVICE = {
    "protocol": "ctap2",
    "ctap2Version": "ctap2_1",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}

USES = count(100, 100)


@dataclass
class Device:
    """A page in a browser of its own, on a device that keeps passkeys."""

    page: Page
    cdp: CDPSession = field(repr=False)
    authenticator: str

    async def passkeys(self) -> list[dict[str, Any]]:
        """Return the passkeys that the device keeps, with their private keys."""
        found = await self.cdp.send("WebAuthn.getCredentials", {"authenticatorId": self.authenticator})
        credentials: list[dict[str, Any]] = found["credentials"]
        return credentials

    async def receive(self, passkeys: list[dict[str, Any]], *, uses: int | None = None) -> None:
        """Keep these passkeys too, and count their uses on from all that there were, as if it were the same device."""
        for passkey in passkeys:
            credential = passkey | {"signCount": next(USES) if uses is None else uses}
            await self.cdp.send(
                "WebAuthn.addCredential", {"authenticatorId": self.authenticator, "credential": credential}
            )

    async def stop_verifying(self) -> None:
        """Make the device use passkeys without checking that its owner is there."""
        unverified = {"authenticatorId": self.authenticator, "isUserVerified": False}
        await self.cdp.send("WebAuthn.setUserVerified", unverified)


@asynccontextmanager
async def device(browser: Browser, **options: Any) -> AsyncIterator[Device]:
    """Provide a browser on a device that keeps passkeys, and that knows nobody yet."""
    async with visiting(browser, **options) as page:
        cdp = await page.context.new_cdp_session(page)
        await cdp.send("WebAuthn.enable")
        added = await cdp.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
        yield Device(page, cdp, added["authenticatorId"])


async def signed(page: Page) -> str:
    """Press the button for a passkey; return the answer that the page would send, which it does not."""
    answer = await page.evaluate(
        """() => new Promise((resolve) => {
            const submit = HTMLFormElement.prototype.submit;
            HTMLFormElement.prototype.submit = function () {
                HTMLFormElement.prototype.submit = submit;
                resolve(this.elements.credential.value);
            };
            document.querySelector("form[data-passkey] button").click();
        })"""
    )
    return str(answer)
