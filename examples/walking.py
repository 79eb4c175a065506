"""A simple browser without JavaScript that submits the consent pages over HTTP: it has links, forms and cookies."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx2

Attributes = Mapping[str, str | None]


@dataclass
class Input:
    """A field of a form. `marks` are the data- attributes of the element or of the label around it."""

    name: str
    kind: str
    value: str
    chosen: bool
    marks: dict[str, str]


@dataclass
class Button:
    """A button of a form: its data-action, the field that pressing it adds, and where it sends the form instead."""

    action: str
    name: str = ""
    value: str = ""
    sends_to: str = ""


@dataclass
class Form:
    """A form with its fields and buttons."""

    action: str
    method: str
    enctype: str
    inputs: list[Input] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)


class Page(HTMLParser):
    """A page as a person without JavaScript has it."""

    def __init__(self, url: str, status: int, html: str) -> None:
        super().__init__()
        self.url, self.status, self.html = url, status, html
        self.name = ""
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self._form: Form | None = None
        self._label: dict[str, str] = {}
        self._link: str | None = None
        self._link_text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "body":
            self.name = told.get("data-page") or ""
        elif tag == "a":
            self._link, self._link_text = urljoin(self.url, told.get("href") or ""), ""
        elif tag == "form":
            address = urljoin(self.url, told.get("action") or self.url)
            self._form = Form(address, (told.get("method") or "get").upper(), told.get("enctype") or "")
            self.forms.append(self._form)
        elif tag == "label":
            self._label = _marks(told)
        elif self._form is not None:
            self._take_field(self._form, tag, told)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "label":
            self._label = {}
        elif tag == "a" and self._link is not None:
            if self._link_text.strip():
                self.links[self._link_text.strip()] = self._link
            self._link = None

    def handle_data(self, data: str) -> None:
        self._link_text += data

    def _take_field(self, form: Form, tag: str, told: Attributes) -> None:
        if tag == "button":
            leads_to = urljoin(self.url, told["formaction"] or "") if "formaction" in told else ""
            fields = (told.get("name") or "", told.get("value") or "")
            form.buttons.append(Button(told.get("data-action") or "", *fields, leads_to))
        elif tag == "input" and told.get("name") and "disabled" not in told:
            kind, value = told.get("type") or "text", told.get("value") or ""
            chosen = "checked" in told or kind not in {"radio", "checkbox", "file"}
            form.inputs.append(Input(str(told["name"]), kind, value, chosen, self._label | _marks(told)))

    def form(self, action: str) -> Form:
        """Find the form with a button for this action, such as `continue` or `decline`."""
        return next(form for form in self.forms if any(button.action == action for button in form.buttons))

    def choose(self, mark: str, value: str) -> None:
        """Check the box or radio button with a mark, such as data-source-id="16"."""
        form, chosen = next(
            (form, entry) for form in self.forms for entry in form.inputs if entry.marks.get(f"data-{mark}") == value
        )
        for entry in form.inputs:
            if chosen.kind == entry.kind == "radio" and entry.name == chosen.name:
                entry.chosen = False
        chosen.chosen = True


def _marks(attributes: Attributes) -> dict[str, str]:
    return {name: value or "" for name, value in attributes.items() if name.startswith("data-")}


class Browser:
    """Goes from page to page of one site. `page` is where it is; `left_to` the other site's address it was sent to."""

    def __init__(self, http: httpx2.Client | None = None, language: str = "en") -> None:
        self._http = http or httpx2.Client(timeout=60)
        self._headers = {"Accept-Language": language}
        self._site = ""
        self._origin = "null"
        self.page: Page | None = None
        self.left_to: str | None = None

    def open(self, url: str) -> None:
        """Open an address."""
        self._site = urlsplit(url).netloc
        self._follow(self._http.get(url, headers=self._headers))

    def submit(
        self, action: str, *, number: int = 0, file: Path | None = None, extra: Mapping[str, str] | None = None
    ) -> None:
        """Press the button with this data-action: the first, or another. `file` is the content of the file field."""
        assert self.page is not None
        form = self.page.form(action)
        button = [button for button in form.buttons if button.action == action][number]
        target = button.sends_to or form.action
        fields: dict[str, list[str]] = {}
        for entry in form.inputs:
            if entry.chosen:
                fields.setdefault(entry.name, []).append(entry.value)
        if button.name:
            fields.setdefault(button.name, []).append(button.value)
        fields |= {name: [value] for name, value in (extra or {}).items()}
        headers = self._headers | {"Sec-Fetch-Site": "same-origin", "Origin": self._origin}
        if form.enctype != "multipart/form-data":
            self._follow(self._http.request(form.method, target, data=fields, headers=headers))
            return
        field_name = next((entry.name for entry in form.inputs if entry.kind == "file"), "file")
        if file is None:
            self._follow(self._http.post(target, data=fields, files={field_name: ("", b"")}, headers=headers))
            return
        with file.open("rb") as content:
            sent = {field_name: (file.name, content)}
            self._follow(self._http.post(target, data=fields, files=sent, headers=headers))

    def _follow(self, response: httpx2.Response) -> None:
        while response.is_redirect or "refresh" in response.headers:
            if "refresh" in response.headers:  # The page renews itself.
                time.sleep(float(response.headers["refresh"]))
                response = self._http.get(response.url, headers=self._headers)
                continue
            target = urljoin(str(response.url), response.headers["location"])
            if urlsplit(target).netloc != self._site:
                self.page, self.left_to = None, target
                return
            response = self._http.get(target, headers=self._headers)
        private = response.headers.get("referrer-policy") == "no-referrer"
        self._origin = "null" if private else str(response.url.join("/")).rstrip("/")
        self.page = Page(str(response.url), response.status_code, response.text)


def consent(browser: Browser, url: str, sources: Mapping[int, str | Path]) -> str:
    """Walks from an app's link to the end: connects each source, agrees; the address that leads back to the app.

    `sources`: by id, a sample data set's id or the path of an export archive. Raises RuntimeError if a page refuses.
    """
    browser.open(url)
    waiting = list(sources.items())
    while browser.left_to is None:
        page = browser.page
        if page is None or page.status >= 400:
            raise RuntimeError(f"the consent pages do not go on: {page and page.status} at {page and page.url}")
        if page.name == "pick-source":
            page.choose("source-id", str(waiting[0][0]))
            browser.submit("continue")
        elif page.name == "connect":
            _connect(browser, page, waiting.pop(0)[1])
        elif page.name == "found":
            _add(browser, page)
        elif waiting:
            browser.submit("another-source")
        else:
            browser.submit("continue")
    return browser.left_to


def _add(browser: Browser, page: Page) -> None:
    """Add what was found in a file, as the page proposes it."""
    if not any(button.action == "continue" for form in page.forms for button in form.buttons):
        raise RuntimeError(f"nothing of the file can be added: {page.url}")
    browser.submit("continue")


def _connect(browser: Browser, page: Page, what: str | Path) -> None:
    if isinstance(what, Path):
        browser.submit("continue", file=what)
    else:
        page.choose("dataset", what)
        browser.submit("continue")
