"""Apps, contracts and people's consents for tests, made where the operator's commands make them: in the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from privateshare.platform.db.tables import NO_LIBRARY_YET, ContractRow, JourneyRow, SessionRow
from privateshare.platform.grants import consents, tokens
from privateshare.platform.grants.contracts import ContractKind, ContractTerms, create_application, create_contract
from privateshare.platform.grants.journeys import ReturnTarget, find_journey, return_target
from privateshare.platform.keys.secrets import hash_secret
from privateshare.platform.library.connected_sources import ConnectedSource, connect_account
from privateshare.platform.library.libraries import create_library, open_library
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.sessions import start_session
from privateshare.protocol import jwt
from privateshare.sources.contract import Connection
from tests.flow.consents import consent_by_id
from tests.flow.wire import REDIRECT_URI, Tokens, Wire, verifier
from tests.keys import OTHER, rsa_key

SPOTIFY, FHIR_FILE, HEALTH_RECORDS, HEALTH_PROVIDER = 16, 9001, 9002, 9063
SMALLEST_SAMPLE = {SPOTIFY: "small", FHIR_FILE: "default"}  # A sync of few files is enough for most tests.
EVERYTHING = {"serviceGroups": [{"id": 2}, {"id": 5}]}


@dataclass
class People:
    """Makes what a test needs on one platform."""

    platform: Platform
    origin: str
    made: int = field(default=0)

    async def contract(
        self,
        *,
        application_id: str | None = None,
        partner: str | None = None,
        kind: ContractKind = "read",
        data_request: dict[str, Any] | None = None,
        redirect_uris: Sequence[str] = (REDIRECT_URI,),
        **terms: Any,
    ) -> Wire:
        """Create a contract, of a new application unless one is named, and return a client with its key."""
        self.made += 1
        private = rsa_key(self.made % OTHER)
        document = {"dataRequest": data_request or EVERYTHING}
        async with self.platform.database.transaction() as db:
            if application_id is None:
                application_id = (await create_application(db, f"App {self.made}", partner=partner)).id
            wanted = ContractTerms(kind, document, jwt.public_pem(private.public_key()), redirect_uris, **terms)
            contract = await create_contract(db, application_id, wanted)
        return Wire(self.origin, application_id, contract.id, private)

    async def consent(
        self,
        code: str,
        *,
        sources: Sequence[int] = (SPOTIFY,),
        sample: str | None = None,
        samples: Mapping[int, str] | None = None,
        library_id: UUID | None = None,
    ) -> str:
        """Record a consent as the consent pages do after samples are connected, and return the authorization code.

        A source gives its sample of `samples`, or else `sample`, or else its smallest one.
        """
        now = datetime.now(UTC)
        async with self.platform.database.transaction() as db:
            journey = await db.scalar(select(JourneyRow).where(JourneyRow.code_hash == hash_secret(code)))
            assert journey is not None
            known = library_id or journey.library_id
            library = await (open_library(db, self.platform, known) if known else create_library(db, self.platform))
            accounts = []
            for source in (self.platform.sources.connectable[number] for number in sources):
                chosen = (samples or {}).get(source.info.id) or sample or SMALLEST_SAMPLE[source.info.id]
                identity = source.identify(Connection(sample=chosen))
                connected = ConnectedSource(source.info, identity, sample=chosen)
                accounts.append(await connect_account(db, self.platform, library, connected))
            contract = await db.get_one(ContractRow, journey.contract_id)
            consent = await consents.record_consent(db, contract, library.id, [a.id for a in accounts], now)
            session = await db.get_one(SessionRow, (NO_LIBRARY_YET, journey.session_id))
            await start_session(db, self.platform, session, contract, consent, now)
            return await tokens.issue_code(db, self.platform, consent, str(journey.challenge), now)

    async def return_target(self, code: str) -> ReturnTarget:
        """Return where a link leads back to, and the state that goes there."""
        async with self.platform.database.session() as db:
            journey = await find_journey(db, code)
            assert journey is not None
            return return_target(journey, code)

    async def user(self, wire: Wire, **options: Any) -> tuple[Tokens, str]:
        """Create a person who consented to this contract, and return the app's tokens and the session's key."""
        secret = verifier()
        answer = wire.authorize(secret)
        code = await self.consent(wire.signed(answer)["preauthorization_code"], **options)
        return wire.tokens(wire.exchange(code, secret)), answer.json()["session"]["key"]

    async def set_document(self, wire: Wire, document: str) -> str:
        """Give a contract another document, of whatever form, and return what it had before.

        A test restores it: commands that list contracts read those of all tests.
        """
        named = {"id": wire.contract_id}
        async with self.platform.database.transaction() as db:
            before = await db.scalar(text("SELECT document::text FROM contracts WHERE id = :id"), named)
            change = text("UPDATE contracts SET document = CAST(:document AS jsonb) WHERE id = :id")
            await db.execute(change, named | {"document": document})
        return str(before)

    async def library_of(self, tokens_: Tokens) -> UUID:
        """Return the library that these tokens open."""
        async with self.platform.database.transaction() as db:
            return (await consent_by_id(db, tokens_.claims["consentid"])).library_id
