"""The words of one language: translated texts, dates, and plain names for what can be shared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from unicodedata import bidirectional

from babel import Locale
from babel.dates import format_date, format_time
from babel.lists import format_list
from babel.numbers import format_decimal
from babel.units import format_unit

from privateshare.platform.consent.locales import translations
from privateshare.protocol.catalogue import CatalogueSource, ObjectType, catalogue
from privateshare.sources.failures import THE_FILE, Broken, Reason

MEGABYTE = 1024 * 1024
GIGABYTE = 1024 * MEGABYTE
FEW = 3  # so many kinds are not worth folding away


def N_(text: str) -> str:  # noqa: N802 - the customary name: it marks a text for translation
    """The text itself, to be translated where it is shown."""
    return text


def _isolated(name: str) -> str:
    """A name of another's, which does not turn around the words beside it if it is written from right to left."""
    return f"\u2068{name}\u2069" if any(bidirectional(letter) in ("R", "AL") for letter in name) else name


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
    ObjectType.TRANSACTION: N_("Payments and other transactions"),
    ObjectType.ACTIVITY: N_("Workouts and other activities"),
    ObjectType.DAILY_ACTIVITY_SUMMARY: N_("Daily activity: steps, calories, distance"),
    ObjectType.SLEEP: N_("Sleep"),
    ObjectType.BODY_COMPOSITION_SUMMARY: N_("Weight and body composition"),
    ObjectType.PLAYLIST: N_("Your playlists"),
    ObjectType.SAVED_ALBUM: N_("Albums you saved"),
    ObjectType.SAVED_TRACK: N_("Tracks you saved"),
    ObjectType.PLAY_HISTORY: N_("What you listened to and when"),
    ObjectType.FOLLOWED_ARTIST: N_("Artists you follow"),
    ObjectType.MEDIA: N_("Photos and videos"),
    ObjectType.POST: N_("Your posts"),
    ObjectType.COMMENT: N_("Comments"),
}


@dataclass(frozen=True, slots=True)
class Kinds:
    """Kinds of data in words: those that people have a word for, and the others, which a page may fold away."""

    plain: Sequence[str]
    other: Sequence[str]


@dataclass(frozen=True, slots=True)
class Translator:
    """Everything that is said in one language."""

    language: str
    sources: Mapping[int, CatalogueSource] = field(default_factory=lambda: catalogue().sources, repr=False)

    @property
    def tag(self) -> str:
        """The language as HTML names it."""
        return self.language.replace("_", "-")

    @property
    def direction(self) -> str:
        """Which way it is written: ltr or rtl."""
        return self._locale.text_direction

    def say(self, text: str, **values: object) -> str:
        """A text, translated, with the values in its gaps such as %(app)s."""
        said = translations(self.language).gettext(text) if text else ""
        return said % values if values else said

    def count(self, one: str, many: str, number: int, **values: object) -> str:
        """A text that depends on a number, which fills the gap %(num)d."""
        return translations(self.language).ngettext(one, many, number) % ({"num": number} | values)

    def number(self, number: int) -> str:
        """A number, such as 48,112."""
        return str(format_decimal(number, locale=self._locale))

    def left_out(self, reason: Reason, number: int, total: int) -> str:
        """How many entries of an upload are left out, and why."""
        return self.count(reason.one, reason.many, number, num=self.number(number), total=self.number(total))

    def problem(self, problem: Broken) -> str:
        """What a source says of an upload."""
        return self.say(problem.text, **{gap: self._value(value) for gap, value in problem.values.items()})

    def _value(self, value: object) -> object:
        if not isinstance(value, str):
            return value
        return self.say(value) if value == THE_FILE else _isolated(value)

    def date(self, moment: datetime) -> str:
        """A day, such as 24 November 2025."""
        return format_date(moment, "long", locale=self._locale)

    def moment(self, moment: datetime) -> str:
        """Say a day and time, such as 24 Nov 2025, 14:02 UTC."""
        day, time = (
            format_date(moment, "medium", locale=self._locale),
            format_time(moment, "short", locale=self._locale),
        )
        return f"{day}, {time} UTC"

    def size(self, number: int) -> str:
        """A number of bytes, such as 200 MB or 1.5 GB."""
        if number >= GIGABYTE:
            return format_unit(round(number / GIGABYTE, 1), "digital-gigabyte", "short", locale=self._locale)
        return format_unit(number // MEGABYTE, "digital-megabyte", "short", locale=self._locale)

    def both(self, items: Sequence[str]) -> str:
        """A list in a sentence, such as `a, b and c`."""
        return format_list(items, locale=self._locale)

    def group(self, group: int) -> str:
        """A service group's name."""
        named = catalogue().service_groups.get(group)
        return self.say(named.name) if named else self.say(N_("Other"))

    def source(self, source: int) -> str:
        """A source's name."""
        listed = self.sources.get(source)
        return self.say(listed.name) if listed else self.say(N_("A source that is no longer here"))

    def service_type(self, service_type: int) -> str:
        """A service's name."""
        named = catalogue().service_types.get(service_type)
        return self.say(named.name) if named else self.say(N_("Other"))

    def object_type(self, object_type: int) -> str:
        """What objects of a type are, in plain words; else the catalogue's name."""
        named = catalogue().object_types.get(object_type)
        return self.say(PLAIN_NAMES.get(object_type) or (named.name if named else N_("Other")))

    def kinds(self, object_types: Sequence[int]) -> Kinds:
        """Several object types."""
        plain = [kind for kind in object_types if kind in PLAIN_NAMES]
        other = [kind for kind in object_types if kind not in PLAIN_NAMES]
        if len(other) <= FEW or not plain:
            plain, other = [*plain, *other], []
        return Kinds([self.object_type(kind) for kind in plain], [self.object_type(kind) for kind in other])

    @property
    def _locale(self) -> Locale:
        return Locale.parse(self.language)
