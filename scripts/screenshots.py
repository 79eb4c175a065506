"""Takes a picture of every page that people see, in light, in dark and on a phone: `make screenshots`.

A platform is started, a person is asked for consent, and a browser walks the pages. Pictures go to build/screenshots,
as LANGUAGE/PAGE-LOOK.png. Arguments choose some looks and languages, such as `scripts/screenshots.py phone de`.
The documentation site is among the pictures if `make docs` has built it.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, sync_playwright

from privateshare import PageOptions, PrivateShare

ROOT = Path(__file__).parents[1]
PICTURES, SITE = ROOT / "build" / "screenshots", ROOT / "build" / "docs"
LANGUAGES = ("en", "nl", "ar")
LOOKS: Mapping[str, tuple[int, int, str]] = {
    "light": (1280, 900, "light"),
    "dark": (1280, 900, "dark"),
    "phone": (390, 844, "light"),
}
DOCUMENTS = ("index", "quickstart", "tutorials/app", "guides/people", "reference/sdk", "reference/errors", "deploy")
CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
READY_SECONDS = 60
CONTINUE = '[data-action="continue"]'
RETURN_URI = "http://127.0.0.1/return"


@dataclass(frozen=True)
class Platform:
    """A running platform, and a client of an app that is registered there."""

    origin: str
    app: PrivateShare


def main() -> None:
    """Take all pictures, and say where they are."""
    shutil.rmtree(PICTURES, ignore_errors=True)
    with TemporaryDirectory(prefix="privateshare-") as folder, serving(Path(folder)) as platform, chromium() as browser:
        for look in chosen(LOOKS):
            for language in chosen(LANGUAGES):
                consent_pages(Camera(browser, look, language), platform)
            api_page(Camera(browser, look, "en"), platform)
            documents(Camera(browser, look, "en"))
    print(f"{len(list(PICTURES.rglob('*.png')))} pictures are in {PICTURES.relative_to(ROOT)}")


def chosen(names: Collection[str]) -> Sequence[str]:
    """Return the names that the arguments choose; all if they choose none."""
    return [name for name in names if name in sys.argv[1:]] or list(names)


class Camera:
    """A browser of one look and language, which takes pictures of whole pages."""

    def __init__(self, browser: Browser, look: str, language: str) -> None:
        self._browser, self._look, self.language = browser, look, language

    @contextmanager
    def visiting(self) -> Iterator[Page]:
        """Open a page in a browser that knows nothing yet."""
        width, height, scheme = LOOKS[self._look]
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            locale=self.language,
        )
        try:
            yield context.new_page()
        finally:
            context.close()

    def take(self, page: Page, name: str, unfixed: str = "") -> None:
        """Take a picture of all of the page. Fail if a phone would have to scroll sideways.

        `unfixed` selects what stays in place while the page scrolls, so that it is in the picture where it ends.
        """
        if unfixed:
            page.evaluate(
                "found => document.querySelectorAll(found).forEach(e => e.style.position = 'static')", unfixed
            )
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{name} is {wide} pixels wider than the screen ({self._look}, {self.language})"
        path = PICTURES / self.language / f"{name}-{self._look}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=path, full_page=True)


def consent_pages(camera: Camera, platform: Platform) -> None:
    """Walk from the picker to the end, then to a link that is used up."""
    asked = platform.app.get_authorize_url(RETURN_URI, options=PageOptions(locale=camera.language))
    with camera.visiting() as page:
        page.goto(asked.url)
        camera.take(page, "pick-source")
        page.click('[data-source-id="16"]')
        page.click(CONTINUE)
        camera.take(page, "connect")
        page.click('[data-dataset="default"]')
        page.click(CONTINUE)
        page.wait_for_selector('body[data-page="consent"]')
        page.click('[data-action="another-source"]')
        page.click('[data-source-id="9001"]')
        page.click(CONTINUE)
        page.click('[data-dataset="default"]')
        page.click(CONTINUE)
        page.wait_for_selector('body[data-page="consent"]')
        page.click(".kind details summary")
        camera.take(page, "consent", unfixed=".agree-bar, #agree + .decline")
        done = page.url.removesuffix("consent") + "done"
        with page.expect_request("**/return**"):
            page.click(CONTINUE)
        page.wait_for_timeout(500)  # Nothing answers at the app's address, and the browser shows that first.
        page.goto(done)
        camera.take(page, "done")
        persons_pages(camera, page, platform)
    with camera.visiting() as page:
        page.goto(f"{platform.origin}/?lng={camera.language}")
        camera.take(page, "front")
        page.goto(f"{platform.origin}/apps/saas/authorize?code=used-up&lng={camera.language}")
        camera.take(page, "error")


def persons_pages(camera: Camera, page: Page, platform: Platform) -> None:
    """Look at what a person who has agreed sees of what they share, and at the page that asks who they are."""
    page.goto(f"{platform.origin}/me/?lng={camera.language}")
    camera.take(page, "me")
    page.click('a[href*="/change/"]')
    camera.take(page, "me-change", unfixed=".agree-bar")
    page.go_back()
    page.click("details.stop summary")
    camera.take(page, "me-stop")
    home = page.url.split("?")[0]
    page.goto(f"{home}/data")
    camera.take(page, "me-data")
    page.goto(f"{home}/data/406")
    camera.take(page, "me-kind")
    page.click(".rows a")
    camera.take(page, "me-object")
    for name in ("history", "take", "bring", "merge", "erase"):
        page.goto(f"{home}/{name}")
        camera.take(page, f"me-{name}")
    for name in ("sources", "apps"):
        page.goto(home)
        page.click(f'a[href*="/{name}/"]')
        camera.take(page, f"me-{name}")
    page.goto(home + "/history")
    page.click('a[href*="/receipts/"]')
    camera.take(page, "me-receipt")
    page.goto(home + "/recovery")
    page.click('[data-action="show-code"]')
    camera.take(page, "recovery")
    page.goto(platform.app.get_authorize_url(RETURN_URI, options=PageOptions(locale=camera.language)).url)
    camera.take(page, "person")
    page.click(CONTINUE)
    camera.take(page, "consent-again")
    with camera.visiting() as stranger:
        stranger.goto(f"{platform.origin}/me/?lng={camera.language}")
        camera.take(stranger, "me-entrance")
        stranger.goto(platform.app.get_authorize_url(RETURN_URI, options=PageOptions(locale=camera.language)).url)
        stranger.goto(stranger.url.rsplit("/", 1)[0] + "/person")
        camera.take(stranger, "person-elsewhere")


def api_page(camera: Camera, platform: Platform) -> None:
    """Look at the description of the API, with one call opened."""
    with camera.visiting() as page:
        page.goto(f"{platform.origin}/docs")
        page.click("#operations-oauth-v1_7_preauthorize .opblock-summary-control")
        page.wait_for_selector(".opblock-body")
        camera.take(page, "api")


def documents(camera: Camera) -> None:
    """Look at the documentation site, if it is there."""
    for name in DOCUMENTS if SITE.exists() else ():
        with camera.visiting() as page:
            page.goto(f"file://{SITE}/{name}.html")
            camera.take(page, f"docs-{name.replace('/', '-')}")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the machine's Chromium, without a window."""
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        sys.exit("pictures need Chromium: scripts/setup browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def serving(folder: Path) -> Iterator[Platform]:
    """Run a platform in a folder, with one app registered."""
    data, log = folder / "data", folder / "platform.log"
    command = [sys.executable, "-m", "privateshare", "serve", "--data", str(data), "--port", "0"]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True, env=os.environ)
    try:
        give_up = time.monotonic() + READY_SECONDS
        while "ready at" not in (told := log.read_text()):
            if process.poll() is not None or time.monotonic() > give_up:
                sys.exit(f"the platform did not start:\n{told}")
            time.sleep(0.05)
        origin = told.split("ready at ", 1)[1].split()[0]
        with registered(data, folder / "contract.pem", origin) as app:
            yield Platform(origin, app)
    finally:
        process.terminate()
        process.wait(30)


def registered(data: Path, key: Path, origin: str) -> PrivateShare:
    """Register an app that asks for what the pictures show, and return its client."""
    application = operate(data, "app", "create", "Genrefy", "--partner", "Genrefy Ltd")["application_id"]
    purpose = "To show you your top artists and your conditions"
    contract = operate(
        data, "contract", "create", "--app", application, "--key-out", str(key), "--read", "entertainment",
        "--read", "medical", "--last", "12m", "--purpose", purpose, "--redirect-uri", RETURN_URI,
    )["contract_id"]  # fmt: skip
    return PrivateShare(application, contract_id=contract, private_key=key.read_text(), base_url=f"{origin}/v1.7/")


def operate(data: Path, *arguments: str) -> dict[str, str]:
    """Run one of the operator's commands, and return what it says."""
    command = [sys.executable, "-m", "privateshare", *arguments, "--json", "--data", str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told: dict[str, str] = json.loads(done.stdout)
    return told


if __name__ == "__main__":
    main()
