"""The contract document (schema 5.0.0): which data an application requests, why, and what it does with the data.

Fields that decide which data is read (service groups, time ranges, criteria) are parsed strictly: a document in which
one of them is invalid is rejected. Fields that are only shown to people are parsed leniently: a value of the wrong type
counts as absent. `raw` keeps every field, so that a document is passed on exactly as it was received.

A part with texts may have `translations` of them, by language and field: a translation changes nothing but words.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from privateshare.errors import ConfigurationError
from privateshare.protocol.messages import Criterion, ServiceGroupScope, TimeRange
from privateshare.protocol.wire import wire_name

SCHEMA_VERSION = "5.0.0"
MAX_SECONDS = 253_402_300_799  # The end of the year 9999.
MAX_NEEDED_DAYS = 36_500
FINGERPRINT_CHARACTERS = 16
LIMITS = {"timerange": "timeRanges", "timewindow": "timeRanges", "criteria": "criteria", "criterion": "criteria"}
UNBOUNDED_TYPE = "all"
LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}")


def _text_or_empty(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _flag_or_none(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _mapping_or_empty(value: object) -> object:
    return value if isinstance(value, Mapping | BaseModel) else {}


def _empty_if_none(value: object) -> object:
    return [] if value is None else value


def _translations_or_empty(value: object) -> object:
    """Keep what is an object of texts under a language's tag."""
    if not isinstance(value, Mapping):
        return {}
    return {
        language: {field: text.strip() for field, text in texts.items() if isinstance(text, str)}
        for language, texts in value.items()
        if isinstance(language, str) and LANGUAGE.fullmatch(language) and isinstance(texts, Mapping)
    }


def _language_or_empty(value: object) -> str:
    return value if isinstance(value, str) and LANGUAGE.fullmatch(value) else ""


Text = Annotated[str, BeforeValidator(_text_or_empty)]
Translations = Annotated[Mapping[str, Mapping[str, str]], BeforeValidator(_translations_or_empty)]
Flag = Annotated[bool | None, BeforeValidator(_flag_or_none)]


class DocumentPart(BaseModel):
    """An immutable part of a contract document."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="ignore", alias_generator=wire_name, populate_by_name=True, hide_input_in_errors=True
    )


@dataclass(frozen=True, slots=True)
class AppText:
    """Words of an application. `language` is the tag of their language; empty if the document does not say."""

    text: str = ""
    language: str = ""

    def __bool__(self) -> bool:
        return bool(self.text)


class PartWithTexts(DocumentPart):
    """A part with texts for people. `translations` has them in other languages. Ours; protocol 8.8."""

    translations: Translations = {}

    def in_language(self, field: str, language: str, own_language: str) -> AppText:
        """Return a text in a language, or else in its own, or else in any that there is.

        Args:
            field: The name of the text's field, such as `purpose`.
            language: The tag of the language that the person reads.
            own_language: The tag of the language of the texts that are no translations; empty if it is unknown.
        """
        own = AppText(getattr(self, field), own_language)
        translated = [AppText(texts[field], tag) for tag, texts in self.translations.items() if texts.get(field)]
        if own and primary_language(own_language) == primary_language(language):
            return own
        exact = [text for text in translated if text.language.lower() == language.lower()]
        similar = [text for text in translated if primary_language(text.language) == primary_language(language)]
        return next(iter([*exact, *similar, *([own] if own else []), *translated]), AppText())


def primary_language(tag: str) -> str:
    """Return the language of a tag without its country, such as `nl` for `nl-BE`."""
    return tag.partition("-")[0].lower()


class Resources(DocumentPart):
    """The application's links."""

    home_page: Text = ""
    privacy_policy: Text = ""
    terms_and_conditions: Text = ""
    terms: Text = ""


class ConsentPolicy(PartWithTexts):
    """The application's own description of what the person agrees to."""

    description: Text = ""


class DataRetention(PartWithTexts):
    """Whether the application keeps a copy of the data."""

    data_retained: Flag = None
    description: Text = ""


class ExternalSharePolicy(PartWithTexts):
    """Whether the application passes the data on to third parties."""

    shared_externally: Flag = None
    description: Text = ""


class DataTransportPolicy(PartWithTexts):
    """Whether the data leaves the person's device."""

    leaves_device: Flag = None
    description: Text = ""


class Gdpr(PartWithTexts):
    """Whether the person can ask the application to delete their data."""

    can_request_right_to_be_forgotten: Flag = None
    description: Text = ""


class ContractTimeRange(TimeRange):
    """A time range of a contract: unbounded (`type` is "all"), or with bounds as in a session's scope. Protocol 5.2."""

    type: str | None = None

    @property
    def is_everything(self) -> bool:
        """Whether the range has no bounds. If a range has both the type "all" and bounds, the bounds apply."""
        return self.type == UNBOUNDED_TYPE and not self._has_bounds

    @property
    def _has_bounds(self) -> bool:
        return any(bound is not None for bound in (self.from_, self.to, self.last))

    @model_validator(mode="after")
    def _check_has_bounds(self) -> Self:
        # Without this check a range whose bounds are misspelled would allow every date.
        if self.type != UNBOUNDED_TYPE and not self._has_bounds:
            raise ValueError('a time range needs "from", "to" or "last", or the type "all"')
        # A bound in milliseconds by mistake would be in the year 50,000, and allow every date.
        if any(bound is not None and abs(bound) > MAX_SECONDS for bound in (self.from_, self.to)):
            raise ValueError('"from" and "to" are seconds since the epoch')
        return self


def _check_spelling(request: object) -> object:
    """Check for misspelled limits, which would otherwise be ignored. Raises ValueError."""
    for name in request if isinstance(request, Mapping) else ():
        meant = LIMITS.get(re.sub(r"[^a-z]", "", str(name).lower()).removesuffix("s"))
        if meant is not None and name not in (meant, *DataRequest.model_fields):
            raise ValueError(f'the field "{name}" is not known; it is called "{meant}"')
    return request


class RequestedKind(PartWithTexts):
    """An object type that a contract asks for: why, and whether the app cannot work without it. Ours; protocol 8.7."""

    id: int
    required: Flag = None
    reason: Text = ""

    @model_validator(mode="after")
    def _check_has_reason(self) -> Self:
        if self.required and not self.reason:
            raise ValueError('a required object type needs a "reason", which people are shown')
        return self


class RequestedService(DocumentPart):
    """A service type that a contract asks for."""

    id: int
    service_object_types: Annotated[list[RequestedKind], BeforeValidator(_empty_if_none)] = []


class RequestedGroup(DocumentPart):
    """A service group that a contract asks for."""

    id: int
    service_types: Annotated[list[RequestedService], BeforeValidator(_empty_if_none)] = []


class DataRequest(PartWithTexts):
    """The part of a contract that describes reading.

    `needed_days` is for how long the app must come back for its purpose; with 0, one read is enough. `requested` has
    the reasons of `service_groups`, which are in the same field of the document.
    """

    _check = model_validator(mode="before")(_check_spelling)

    purpose: Text = ""
    disclaimer: Text = ""
    service_groups: Annotated[list[ServiceGroupScope], BeforeValidator(_empty_if_none)] = []
    requested: Annotated[list[RequestedGroup], BeforeValidator(_empty_if_none)] = Field(
        default=[], validation_alias="serviceGroups"
    )
    needed_days: int | None = Field(default=None, ge=0, le=MAX_NEEDED_DAYS)
    time_ranges: Annotated[list[ContractTimeRange], BeforeValidator(_empty_if_none)] = []
    criteria: Annotated[list[Criterion], BeforeValidator(_empty_if_none)] = []
    consent_policy: Annotated[ConsentPolicy, BeforeValidator(_mapping_or_empty)] = ConsentPolicy()
    data_retention: Annotated[DataRetention, BeforeValidator(_mapping_or_empty)] = DataRetention()
    external_share_policy: Annotated[ExternalSharePolicy, BeforeValidator(_mapping_or_empty)] = ExternalSharePolicy()
    data_transport_policy: Annotated[DataTransportPolicy, BeforeValidator(_mapping_or_empty)] = DataTransportPolicy()
    gdpr: Annotated[Gdpr, BeforeValidator(_mapping_or_empty)] = Gdpr()

    def requested_kinds(self, group: int, service_type: int) -> Mapping[int, RequestedKind]:
        """Return what the contract says about object types of a service type, by object type."""
        services = (service for asked in self.requested if asked.id == group for service in asked.service_types)
        return {
            kind.id: kind for service in services if service.id == service_type for kind in service.service_object_types
        }


class DataPush(PartWithTexts):
    """The part of a contract that describes writing."""

    purpose: Text = ""
    disclaimer: Text = ""
    consent_policy: Annotated[ConsentPolicy, BeforeValidator(_mapping_or_empty)] = ConsentPolicy()


class ContractDocument(DocumentPart):
    """A contract document. Create one with `parse_document`.

    `language` is that of its texts, which may have translations beside them; empty if it does not say.
    """

    language: Annotated[str, BeforeValidator(_language_or_empty)] = ""
    resources: Annotated[Resources, BeforeValidator(_mapping_or_empty)] = Resources()
    data_request: DataRequest | None = Field(default=None)
    data_push: DataPush | None = Field(default=None)
    _raw: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    @property
    def raw(self) -> Mapping[str, Any]:
        """The document as it was received, as a JSON object."""
        return self._raw

    @property
    def fingerprint(self) -> str:
        """A short value that differs if anything in the document differs, for forms."""
        encoded = json.dumps(self._raw, sort_keys=True, ensure_ascii=False)
        return sha256(encoded.encode()).hexdigest()[:FINGERPRINT_CHARACTERS]

    def text(self, part: PartWithTexts, field: str, language: str) -> AppText:
        """Return a text of one of this document's parts in a language, or else in one that there is."""
        return part.in_language(field, language, self.language)

    @property
    def reading(self) -> DataRequest:
        """The part about reading; empty if the document has none."""
        return self.data_request or DataRequest()

    @property
    def writing(self) -> DataPush:
        """The part about writing; empty if the document has none."""
        return self.data_push or DataPush()


def parse_document(raw: Mapping[str, Any]) -> ContractDocument:
    """Parse a contract document.

    Args:
        raw: The document as a JSON object.

    Raises:
        ConfigurationError: A part that decides which data is read has the wrong form; the message names the field.
    """
    try:
        document = ContractDocument.model_validate(raw)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"]) or "the document"
        raise ConfigurationError(f"the contract document cannot be used: {where}: {problem['msg']}") from error
    document._raw = raw
    return document
