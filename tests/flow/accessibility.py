"""What a page must be like so that everybody can use it: WCAG 2.2 AA, and no violation that axe finds.

axe looks at it in each colour scheme and on a phone. What axe cannot see is checked here: that nothing has to be
scrolled sideways, that the keyboard reaches each control in the order of the page, and that the focus can be seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from playwright.async_api import Page, ViewportSize, expect

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
EVERYTHING = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
COLOURS = {"resultTypes": ["violations"], "runOnly": ["color-contrast", "link-in-text-block"]}
SIZES = {"resultTypes": ["violations"], "runOnly": ["target-size", "scrollable-region-focusable"]}
DESKTOP, PHONE = ViewportSize(width=1280, height=900), ViewportSize(width=320, height=640)
ZOOMED = ViewportSize(width=DESKTOP["width"] // 2, height=DESKTOP["height"] // 2)
MAX_STOPS = 200


@dataclass
class Inspection:
    """The pages that were looked at, by the name of their template, and everything that is wrong with them."""

    seen: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    async def look(self, page: Page, name: str, *, thorough: bool = True) -> None:
        """Check a page that is open, and leave it as it was.

        Args:
            page: The browser's page.
            name: The template that it was made from.
            thorough: Whether to look at it in each look and by keyboard, and each time. If not, axe looks at it once
                and as it is, and each time it has to fit on a phone.
        """
        known = name in self.seen
        self.seen.add(name)
        await page.wait_for_load_state("load")  # Without its style, a page has smaller buttons.
        if thorough or not known:
            await page.evaluate(AXE)
            await self._axe(page, name, EVERYTHING)
        if thorough:
            await page.emulate_media(color_scheme="dark")
            await self._axe(page, f"{name}, dark", COLOURS)
            await page.emulate_media(color_scheme="light", forced_colors="active")
            await self._axe(page, f"{name}, forced colours", COLOURS)
            await page.emulate_media(forced_colors="none")
        await page.set_viewport_size(PHONE)
        await self._reflow(page, f"{name}, 320 pixels")
        if thorough:
            await self._axe(page, f"{name}, 320 pixels", SIZES)
            await self._keyboard(page, name)
            await page.set_viewport_size(ZOOMED)
            await self._reflow(page, f"{name}, zoomed to 200 %")
        await page.set_viewport_size(DESKTOP)

    async def look_around(self, page: Page, name: str, others: str) -> None:
        """Check the part of a page that is ours. `others` selects what a program of other people draws."""
        await page.evaluate(AXE)
        await self._axe(page, name, EVERYTHING, {"exclude": [[others]]})
        await page.set_viewport_size(PHONE)
        await self._reflow(page, f"{name}, 320 pixels")
        await page.set_viewport_size(DESKTOP)

    async def check_problem(self, page: Page, name: str, field_name: str, said: str) -> None:
        """Check a page that says what is wrong with a form, in the title, with the focus, and at the field."""
        problem = page.locator(".problem[role=alert]")
        await expect(problem).to_be_focused()
        if not (await page.title()).startswith(said):
            self.wrong.append(f"{name}: the title is {await page.title()!r}")
        fields = page.locator('[aria-invalid="true"]')
        if field_name and await fields.count() == 0:
            self.wrong.append(f"{name}: no field is marked as wrong")
        for marked in await fields.all():
            if not await marked.evaluate(TIED_TO_PROBLEM, field_name):
                self.wrong.append(f"{name}: {await marked.evaluate('e => e.outerHTML.slice(0, 120)')} is not tied")

    async def _axe(self, page: Page, name: str, options: dict[str, Any], part: dict[str, Any] | None = None) -> None:
        found = await page.evaluate("([part, options]) => axe.run(part ?? document, options)", [part, options])
        for violation in found["violations"]:
            nodes = [f"{node['html'][:160]} ({node['failureSummary'][:200]})" for node in violation["nodes"][:3]]
            self.wrong.append(f"{name}: {violation['id']} ({violation['impact']}): {nodes}")

    async def _reflow(self, page: Page, name: str) -> None:
        wide: Sequence[str] = await page.evaluate(TOO_WIDE)
        if wide:
            self.wrong.append(f"{name}: has to be scrolled sideways for {wide}")

    async def _keyboard(self, page: Page, name: str) -> None:
        """Go through the page with the Tab key, from its beginning to its end."""
        await page.evaluate(TO_THE_BEGINNING)
        expected: Sequence[str] = await page.evaluate(CONTROLS)
        reached: list[str] = []
        for _ in range(MAX_STOPS):
            await page.keyboard.press("Tab")
            stop = await page.evaluate(STOP)
            if stop is not None and stop["key"] == (reached or [""])[-1]:
                continue  # The parts of a date are several stops.
            if stop is None or stop["key"] in reached:
                break
            reached.append(stop["key"])
            self.wrong.extend(f"{name}: {stop['html']} {fault}" for fault in stop["faults"])
        if reached != list(expected):
            missed = [key for key in expected if key not in reached]
            self.wrong.append(f"{name}: the Tab key misses {missed}, or goes in another order: {reached}")


TIED_TO_PROBLEM = """(marked, name) => marked.getAttribute("aria-describedby") === "problem"
  && Boolean(document.getElementById("problem")?.textContent.trim())
  && (marked.matches(name) || marked.querySelector(name) !== null)"""

TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  return [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > width + 1
    || e.getBoundingClientRect().left < -1).slice(0, 3).map(e => e.outerHTML.slice(0, 120));
}"""

TO_THE_BEGINNING = """() => {
  scrollTo(0, 0);
  document.body.setAttribute("tabindex", "-1");
  document.body.focus();
  document.body.removeAttribute("tabindex");
}"""

# The radio buttons of a group are one stop. Each control is named by its place among all elements.
KEY = """const every = [...document.querySelectorAll("*")];
  const key = e => e.type === "radio" ? `radio ${e.name}` : `${every.indexOf(e)} ${e.outerHTML.slice(0, 80)}`;"""

CONTROLS = (
    """() => {
  """
    + KEY
    + """
  const fields = "input:enabled:not([type=hidden]), select, textarea";
  const controls = `a[href], button:enabled, ${fields}, summary, [tabindex="0"]`;
  const shown = [...document.querySelectorAll(controls)].filter(e => e.checkVisibility({visibilityProperty: true}));
  return [...new Set(shown.map(key))];
}"""
)

STOP = (
    """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  """
    + KEY
    + """
  const faults = [];
  const around = [e, e.parentElement, e.parentElement?.parentElement].filter(Boolean);
  const seen = around.some(one => {
    const style = getComputedStyle(one);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  });
  if (!seen) faults.push("shows no focus");
  const box = [...e.getClientRects()][0] ?? e.getBoundingClientRect();
  const hit = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  const own = hit && (e.contains(hit) || hit.contains(e) || hit.closest("label")?.control === e);
  if (!own) faults.push(`is hidden by ${hit?.outerHTML.slice(0, 80)} while it has the focus`);
  return {key: key(e), html: e.outerHTML.slice(0, 100), faults};
}"""
)
