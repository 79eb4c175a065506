"""The key facts of a request: what, why, until when, and who else gets it; and what to be careful about."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from privateshare.platform.consent.choice_cards import Card
from privateshare.platform.consent.durations import Duration
from privateshare.platform.consent.terms import Terms, app_text
from privateshare.platform.consent.translation import N_, Translator
from privateshare.platform.db.tables import ContractRow
from privateshare.protocol.catalogue import ServiceGroup
from privateshare.protocol.contract_document import AppText

# The law of the EU protects data about health specially (GDPR, article 9).
SPECIAL_CATEGORIES = (ServiceGroup.MEDICAL, ServiceGroup.HEALTH_FITNESS)
MAX_KINDS_NAMED = 5


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """The facts that a person reads first. `why` is in the app's own words; empty if it does not say.

    So are `who_else_words`. `warnings` are shown in amber, and `unsaid` is what the app does not say.
    """

    verified: bool
    what: str
    why: AppText
    until: str
    who_else: str
    who_else_words: AppText
    warnings: Sequence[str]
    unsaid: str


def key_facts(
    contract: ContractRow, terms: Terms, cards: Sequence[Card], duration: Duration, words: Translator
) -> KeyFacts:
    """Write the key facts of a contract, with the duration that is chosen at the moment."""
    external = contract.document.reading.external_share_policy
    reads = contract.kind != "write"
    who_else_words = app_text(contract.document, external, "description", words) if reads else AppText()
    return KeyFacts(
        verified=contract.application.verified_at is not None,
        what=_what(contract, terms, cards, words),
        why=terms.purpose,
        until=_until(duration, words),
        who_else=_who_else(external.shared_externally, who_else_words, words) if reads else "",
        who_else_words=who_else_words,
        warnings=list(_warnings(contract, cards, duration, words)),
        unsaid=words.join_list(list(_unsaid(contract, words))),
    )


def _what(contract: ContractRow, terms: Terms, cards: Sequence[Card], words: Translator) -> str:
    if contract.kind == "write":
        return words.say(N_("It puts files into your library, and can read nothing there."))
    if contract.kind == "read-raw":
        return words.say(N_("Files that apps have put into your library."))
    names = [part.name for card in cards if card.ticked for part in card.parts if part.shared()]
    names = names or [name for asked in terms.asked for name in asked.kinds.plain]
    unique = list(dict.fromkeys(names))
    more = len(unique) - MAX_KINDS_NAMED
    if more > 1:
        unique = [*unique[:MAX_KINDS_NAMED], words.count("%(num)d more kind", "%(num)d more kinds", more)]
    return words.join_list(unique)


def _until(duration: Duration, words: Translator) -> str:
    if duration.once:
        return words.say(N_("Once"))
    if not duration.end:
        return words.say(N_("Until you stop"))
    return words.say(N_("Until %(date)s, unless you stop before"), date=duration.end)


def _who_else(shared: bool | None, own_words: AppText, words: Translator) -> str:
    if shared is None:
        return "" if own_words else words.say(N_("The app does not say."))
    return words.say(N_("The app passes your data on to others.") if shared else N_("Nobody, says the app"))


def _warnings(contract: ContractRow, cards: Sequence[Card], duration: Duration, words: Translator) -> Iterator[str]:
    if contract.kind == "write":
        return
    asked = contract.document.reading
    if contract.kind == "read" and any(group.id in SPECIAL_CATEGORIES for group in asked.service_groups):
        yield words.say(
            N_("This is about your health. The law protects such data specially.")
            if not cards or any(card.entry.account.service_group in SPECIAL_CATEGORIES for card in cards)
            else N_(
                "The app also asks for data about your health, which the law protects specially. "
                "It gets none unless you connect a source of such data."
            )
        )
    if asked.external_share_policy.shared_externally:
        yield words.say(N_("The app passes your data on to others."))
    if asked.data_retention.data_retained:
        yield words.say(
            N_("The app keeps a copy of your data. It keeps that after you stop, unless you ask it to delete it.")
        )
    if duration.is_long and not duration.once:
        yield words.say(N_("This is a long time. You can choose a shorter one below."))


def _unsaid(contract: ContractRow, words: Translator) -> Iterator[str]:
    document, reading = contract.document, contract.document.reading
    purpose = app_text(document, reading if contract.kind != "write" else document.writing, "purpose", words)
    if not purpose:
        yield words.say(N_("why it asks"))
    if not document.resources.privacy_policy:
        yield words.say(N_("where its privacy policy is"))
    if contract.kind == "write":
        return
    keeping, sharing, deleting = reading.data_retention, reading.external_share_policy, reading.gdpr
    if keeping.data_retained is None and not app_text(document, keeping, "description", words):
        yield words.say(N_("if it keeps a copy"))
    if sharing.shared_externally is None and not app_text(document, sharing, "description", words):
        yield words.say(N_("if it passes your data on"))
    if deleting.can_request_right_to_be_forgotten is None and not app_text(document, deleting, "description", words):
        yield words.say(N_("if you can ask it to delete what it has"))
