"""The texts of one language: translations, formatted dates and numbers, and plain names of kinds of data."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from unicodedata import bidirectional

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time
from babel.lists import format_list
from babel.numbers import format_compact_decimal, format_currency, format_decimal, format_percent
from babel.units import format_unit

from privateshare.platform.consent.locales import FALLBACK, PSEUDO, bracketed, translations
from privateshare.protocol.catalogue import CatalogueSource, ObjectType, catalogue
from privateshare.sources.failures import THE_FILE, Broken, NotTaken, Reason

MEGABYTE = 1024 * 1024
GIGABYTE = 1024 * MEGABYTE
MAX_OTHER_KINDS_SHOWN = 3
SHORTENED_FROM = 10_000
CURRENCY = re.compile(r"[A-Z]{3}")


def N_(text: str) -> str:  # noqa: N802 - gettext's customary name
    """Mark a text for translation, and return it as it is; it is translated where it is shown."""
    return text


BIDI_OPENING_ISOLATES, BIDI_CLOSING_ISOLATE = "\u2066\u2067\u2068", "\u2069"


def text_direction(text: str) -> str:
    """Return the writing direction of a text's first letter: ltr or rtl; empty if it has no letter."""
    classes = (bidirectional(letter) for letter in text)
    return next(({"L": "ltr"}.get(found, "rtl") for found in classes if found in ("L", "R", "AL")), "")


def within_itself(text: str) -> str:
    """Remove each U+2069 that closes no isolate within the text, and close the isolates that it leaves open."""
    kept, depth = [], 0
    for character in text:
        depth += (character in BIDI_OPENING_ISOLATES) - (character == BIDI_CLOSING_ISOLATE)
        if depth < 0:
            depth = 0
        else:
            kept.append(character)
    return "".join(kept) + BIDI_CLOSING_ISOLATE * depth


def isolated_text(text: str) -> str:
    """Isolate text of other people where there can be no markup, so that it does not reorder the text around it."""
    return f"\u2068{within_itself(text)}{BIDI_CLOSING_ISOLATE}" if text else ""


def _isolated(name: str) -> str:
    """Isolate a name that has right-to-left letters."""
    return isolated_text(name) if any(bidirectional(letter) in ("R", "AL") for letter in name) else name


PLAIN_NAMES: Mapping[int, str] = {
    ObjectType.ALLERGY_INTOLERANCE: N_("Allergies and intolerances"),
    ObjectType.CONDITION: N_("Conditions and diagnoses"),
    ObjectType.IMMUNIZATION: N_("Vaccinations"),
    ObjectType.MEDICATION_REQUEST: N_("Prescriptions"),
    ObjectType.FAMILY_MEMBER_HISTORY: N_("Illnesses in your family"),
    ObjectType.OBSERVATION: N_("Measurements and lab results"),
    ObjectType.PROCEDURE: N_("Procedures and operations"),
    ObjectType.DIAGNOSTIC_REPORT: N_("Diagnostic reports"),
    ObjectType.DEVICE: N_("Implants and medical devices"),
    ObjectType.ENCOUNTER: N_("Visits and hospital stays"),
    ObjectType.MEDICATION_DISPENSE: N_("Medication handed out to you"),
    ObjectType.MEDICATION_STATEMENT: N_("Medication you take"),
    ObjectType.PATIENT: N_("Your name, birth date, address and contacts"),
    ObjectType.PRACTITIONER: N_("Doctors and nurses"),
    ObjectType.CARE_TEAM: N_("The team that treats you"),
    ObjectType.CARE_PLAN: N_("Plans for your care"),
    ObjectType.COVERAGE: N_("Your health insurance"),
    ObjectType.EXPLANATION_OF_BENEFIT: N_("What your insurance paid"),
    ObjectType.APPOINTMENT: N_("Appointments"),
    ObjectType.TRANSACTION: N_("Payments and other transactions"),
    ObjectType.ACTIVITY: N_("Workouts and other activities"),
    ObjectType.DAILY_ACTIVITY_SUMMARY: N_("Daily activity: steps, calories, distance"),
    ObjectType.SLEEP: N_("Sleep"),
    ObjectType.PLACE_VISIT: N_("Places where you were"),
    ObjectType.ROUTE: N_("Routes that you took"),
    ObjectType.BODY_COMPOSITION_SUMMARY: N_("Weight and body composition"),
    ObjectType.PLAYLIST: N_("Your playlists"),
    ObjectType.SAVED_ALBUM: N_("Albums you saved"),
    ObjectType.SAVED_TRACK: N_("Tracks you saved"),
    ObjectType.TRACK: N_("Tracks in your library and playlists"),
    ObjectType.ALBUM: N_("Albums in your library and playlists"),
    ObjectType.PLAY_HISTORY: N_("What you listened to and when"),
    ObjectType.WATCH: N_("What you watched and when"),
    ObjectType.SEARCH: N_("What you searched for"),
    ObjectType.FOLLOWED_ARTIST: N_("Artists you follow"),
    ObjectType.MEDIA: N_("Photos and videos"),
    ObjectType.POST: N_("Your posts"),
    ObjectType.COMMENT: N_("Comments"),
    ObjectType.LIKE: N_("What you liked"),
    ObjectType.MEDIA_ALBUM: N_("Albums of photos"),
    ObjectType.SOCIAL_NETWORK_USER: N_("Your friends, followers, and whom you follow"),
    ObjectType.PROFILE: N_("Your profile"),
    ObjectType.MESSAGE: N_("Your messages"),
    ObjectType.ASSISTANT_MESSAGE: N_("Your conversations with assistants"),
    ObjectType.MAIL: N_("Your mail"),
    ObjectType.EVENT: N_("Your calendar"),
    ObjectType.CONTACT: N_("Your contacts"),
    ObjectType.NOTE: N_("Your notes"),
    ObjectType.PURCHASE: N_("What you bought"),
    ObjectType.BOOK: N_("Books you read"),
    ObjectType.WEB_VISIT: N_("Pages and apps that you opened"),
}


@dataclass(frozen=True, slots=True)
class Kinds:
    """Names of kinds of data: those with a plain name, and the others, which a page may collapse."""

    plain: Sequence[str]
    other: Sequence[str]


@dataclass(frozen=True, slots=True)
class Translator:
    """Translates texts into one language, and formats values in it.

    Attributes:
        language: The language, such as `en`.
        sources: The sources whose names pages can show.
        locale: How dates and numbers are written, such as `en_GB`; empty for what is usual in the language.
    """

    language: str
    sources: Mapping[int, CatalogueSource] = field(default_factory=lambda: catalogue().sources, repr=False)
    locale: str = ""

    @property
    def tag(self) -> str:
        """Return the language's tag in HTML, such as `pt-BR`."""
        return self.language.replace("_", "-")

    @property
    def direction(self) -> str:
        """Return the writing direction: ltr or rtl."""
        return self._locale.text_direction

    @property
    def comma(self) -> str:
        """Return what separates the items of a list, with the space after it."""
        return "، " if self.direction == "rtl" else ", "

    def say(self, text: str, **values: object) -> str:
        """Translate a text, and insert values for placeholders such as %(app)s."""
        translated = translations(self.language).gettext(text) if text else ""
        return translated % values if values else translated

    def count(self, one: str, many: str, number: int, **values: object) -> str:
        """Translate a text that depends on a number, and insert the number for the placeholder %(num)d or %(num)s."""
        return self.plural(one, many, number) % ({"num": self.number(number)} | values)

    def plural(self, one: str, many: str, number: int) -> str:
        """Translate a text that depends on a number. Its placeholder for the number takes a formatted number."""
        return translations(self.language).ngettext(one, many, number).replace("%(num)d", "%(num)s")

    def number(self, number: int) -> str:
        """Format a number, such as 48,112."""
        return self._formatted(format_decimal(number, locale=self._locale))

    def decimal(self, number: float) -> str:
        """Format a number that may have a fraction, such as 1,234.5, with all of its digits."""
        exact = Decimal(f"{number:.15g}")
        return self._formatted(format_decimal(exact, locale=self._locale, decimal_quantization=False))

    def amount(self, amount: float, currency: str) -> str:
        """Format an amount of money, such as €1,234.50; `currency` is a code such as EUR."""
        if not CURRENCY.fullmatch(currency):
            return f"{self._formatted(format_decimal(amount, '#,##0.00', locale=self._locale))} {currency}".strip()
        return self._formatted(format_currency(amount, currency, locale=self._locale))

    def weight(self, kilograms: float) -> str:
        """Format a weight, such as 72.5 kg."""
        return self._formatted(format_unit(kilograms, "mass-kilogram", "short", locale=self._locale))

    def percent(self, share: int) -> str:
        """Format a percentage, such as 45 %."""
        return self._formatted(format_percent(share / 100, locale=self._locale))

    def left_out(self, reason: Reason, number: int, total: int) -> str:
        """Say how many entries of an upload are left out, and why."""
        return self.count(reason.one, reason.many, number, num=self.number(number), total=self.number(total))

    def not_taken(self, kind: NotTaken) -> str:
        """Return the name of a kind of entries of which nothing is taken."""
        if kind.object_type is not None:
            return self.object_type(kind.object_type)
        return isolated_text(kind.own_name) if kind.own_name else self.say(kind.name or N_("Other"))

    def problem(self, problem: Broken) -> str:
        """Translate a source's message about an upload."""
        return self.say(problem.text, **{gap: self._value(value) for gap, value in problem.values.items()})

    def _value(self, value: object) -> object:
        if not isinstance(value, str):
            return value
        return self.say(value) if value == THE_FILE else _isolated(value)

    def date(self, moment: date) -> str:
        """Format a day, such as 24 November 2025."""
        return self._formatted(format_date(moment, "long", locale=self._locale))

    def month(self, month: int, *, short: bool = False) -> str:
        """Format a month (yyyymm), such as November 2025."""
        first = date(month // 100, month % 100, 1)
        return self._formatted(format_skeleton("yMMM" if short else "yMMMM", first, locale=self._locale))

    def year(self, moment: datetime) -> str:
        """Format a year, such as 2025."""
        return self._formatted(format_skeleton("y", moment, locale=self._locale))

    def day(self, moment: datetime) -> str:
        """Format a day without its year, such as 24 Nov."""
        return self._formatted(format_skeleton("MMMd", moment, locale=self._locale))

    def time(self, moment: datetime) -> str:
        """Format a time of day, such as 14:02 UTC."""
        return self._formatted(f"{format_time(moment, 'short', locale=self._locale)} UTC")

    def moment(self, moment: datetime) -> str:
        """Format a day and time, such as 24 Nov 2025, 14:02 UTC."""
        day, time = (
            format_skeleton("yMMMd", moment, locale=self._locale),
            format_time(moment, "short", locale=self._locale),
        )
        return self._formatted(day + self.comma + f"{time} UTC")

    def span(self, first: str, last: str) -> str:
        """Say from which day, month or year to which, such as 2019 to 2021; only one if they are the same."""
        return first if first == last else self.say(N_("%(first)s to %(last)s"), first=first, last=last)

    def size(self, number: int) -> str:
        """Format a number of bytes, such as 31 kB, 200 MB or 1.5 GB."""
        amount, unit = round(number / GIGABYTE, 1), "digital-gigabyte"
        if number < MEGABYTE:
            amount, unit = max(1, number // 1024), "digital-kilobyte"
        elif number < GIGABYTE:
            amount, unit = number // MEGABYTE, "digital-megabyte"
        return self._formatted(format_unit(amount, unit, "short", locale=self._locale))

    def join_list(self, items: Sequence[str]) -> str:
        """Join a list as in a sentence, such as `a, b and c`."""
        shown = items if self.direction == "ltr" else list(map(isolated_text, items))
        return self._formatted(format_list(shown, locale=self._locale)) if items else ""

    def _formatted(self, text: object) -> str:
        """Return a formatted value. The made-up language shows that it is one."""
        return bracketed(str(text)) if self.language == PSEUDO else str(text)

    def group(self, group: int) -> str:
        """Return a service group's name."""
        named = catalogue().service_groups.get(group)
        return self.say(named.name) if named else self.say(N_("Other"))

    def source(self, source: int) -> str:
        """Return a source's name."""
        listed = self.sources.get(source)
        return self.say(listed.name) if listed else self.say(N_("A source that is no longer here"))

    def service_type(self, service_type: int) -> str:
        """Return a service's name."""
        named = catalogue().service_types.get(service_type)
        return self.say(named.name) if named else self.say(N_("Other"))

    def object_type(self, object_type: int) -> str:
        """Return the plain name of an object type; if it has none, that of the catalogue."""
        named = catalogue().object_types.get(object_type)
        return self.say(PLAIN_NAMES.get(object_type) or (named.name if named else N_("Other")))

    def short_number(self, number: float) -> str:
        """Format a number in few characters for the scale of a chart, such as 0.25, 950 or 12.5K."""
        if abs(number) < SHORTENED_FROM:
            rounded = float(f"{number:.3g}" if abs(number) < 1000 else round(number))
            return self._formatted(format_decimal(rounded, locale=self._locale))
        short = str(format_compact_decimal(number, locale=self._locale, fraction_digits=1))
        # Some languages have no short form of a thousand.
        return self.number(round(number)) if short.isdigit() else self._formatted(short)

    def kinds(self, object_types: Sequence[int]) -> Kinds:
        """Return the names of object types. A few without a plain name are shown with the others."""
        plain = [kind for kind in object_types if kind in PLAIN_NAMES]
        other = [kind for kind in object_types if kind not in PLAIN_NAMES]
        if len(other) <= MAX_OTHER_KINDS_SHOWN or not plain:
            plain, other = [*plain, *other], []
        return Kinds([self.object_type(kind) for kind in plain], [self.object_type(kind) for kind in other])

    @property
    def _locale(self) -> Locale:
        return Locale.parse(FALLBACK if self.language == PSEUDO else self.locale or self.language)
