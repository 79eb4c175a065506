"""What a person answers to connect a source, such as the address of a server, and what they are told if that fails."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from privateshare.platform.consent.pending_sign_in import NAMED_SERVER_CALLBACK_PATH
from privateshare.platform.consent.translation import N_, Translator, isolated_text
from privateshare.platform.db.tables import ProviderRow
from privateshare.platform.library.providers import find_provider
from privateshare.platform.library.source_calls import call_source
from privateshare.platform.runtime import Platform
from privateshare.sources.contract import (
    AskingSource,
    Broken,
    JsonObject,
    NeedsLogin,
    Question,
    SignInSource,
    Source,
    TryLater,
)

PROVIDER_FIELD, ANSWER = "provider", "answer-"
MAX_ANSWER_CHARACTERS = 500
# The values of the `problem` parameter, with which a failed sign-in redirects to this page.
PROBLEMS = {
    "declined": N_("You did not sign in at %(source)s. Try again, or cancel."),
    "failed": N_("%(source)s could not complete the sign-in. Try again, or choose another source."),
    "refused": N_("%(source)s does not accept what you typed. Check it, and try again."),
    "away": N_("%(source)s does not answer. Try again in a moment."),
    "another": N_("This is another account. Connect the same one as before."),
}


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person answered to connect a source.

    Attributes:
        questions: The questions of the source.
        values: The answers by the names of the questions, as they are passed to the source.
        provider: The health provider that they chose by its name; None if they typed an address.
    """

    questions: Sequence[Question]
    values: Mapping[str, str] = field(repr=False)
    provider: ProviderRow | None = None

    @property
    def shown(self) -> Mapping[str, str]:
        """The answers that a page may show again: no passwords."""
        return {one.name: self.values[one.name] for one in self.questions if one.kind != "password"}

    def missing(self) -> Question | None:
        """Return the first question without an answer that could be one; None if there is none."""
        return next(
            (one for one in self.questions if not 0 < len(self.values[one.name]) <= MAX_ANSWER_CHARACTERS), None
        )

    def source_name(self, words: Translator, source: Source) -> str:
        """Return what the person calls the source: the name of the provider, or that of the source."""
        return words.source(source.info.id) if self.provider is None else isolated_text(self.provider.name)


async def read_answers(platform: Platform, source: Source, fields: Mapping[str, str]) -> Answers:
    """Read what the person typed or chose."""
    provider = await chosen_provider(platform, source, fields)
    values = _typed(source.info.asks, fields) if provider is None else _of_directory(provider)
    return Answers(source.info.asks, values, provider)


async def chosen_provider(platform: Platform, source: Source, fields: Mapping[str, str]) -> ProviderRow | None:
    """Return the health provider that the person chose by its name; None if they typed an address."""
    id_ = fields.get(PROVIDER_FIELD, "")
    if not source.info.has_directory or not id_:
        return None
    async with platform.database.transaction() as db:
        return await find_provider(db, id_)


def _of_directory(provider: ProviderRow) -> dict[str, str]:
    """Return what the directory says, in place of what a person would type."""
    return {
        "server": provider.server,
        "name": provider.name,
        "brands": provider.list_name,
        PROVIDER_FIELD: provider.id,
    }


def _typed(questions: Sequence[Question], fields: Mapping[str, str]) -> dict[str, str]:
    """Return what the person typed. A password may begin or end with a space."""
    typed = {question.name: fields.get(ANSWER + question.name, "") for question in questions}
    return {
        question.name: typed[question.name] if question.kind == "password" else typed[question.name].strip()
        for question in questions
    }


def missing_problem(words: Translator, missing: Question) -> str:
    """Say that an answer is missing."""
    return words.say(N_("Fill in: %(field)s."), field=words.say(missing.label))


async def prepare_source(source: SignInSource | AskingSource, answers: Mapping[str, str], origin: str) -> JsonObject:
    """Let a source check the answers, and return what is stored with the account.

    `origin` is the platform's own address. Raises TryLater, NeedsLogin or Broken.
    """
    known = JsonObject()
    if isinstance(source, AskingSource):
        known = await call_source(source.prepare, answers, origin + NAMED_SERVER_CALLBACK_PATH)
    if answers.get(PROVIDER_FIELD):
        known[PROVIDER_FIELD] = answers[PROVIDER_FIELD]
    return known


def sign_in_problem(words: Translator, name: str, failure: TryLater | NeedsLogin | Broken) -> str:
    """Say why a sign-in did not begin. `name` is what the person calls the source."""
    if isinstance(failure, Broken):
        return words.problem(failure)
    return words.say(PROBLEMS["away" if isinstance(failure, TryLater) else "refused"], source=name)
