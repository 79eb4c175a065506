"""All tables. Rows that belong to a person have the library id first in their key, so that the tables can be sharded.

partners ─ applications ─ contracts          who may ask for data
libraries ─ accounts ─ files                 a person's data, sealed with the library's own key
          ├ browsers, recovery_codes         how a person proves that the library is theirs; stored as hashes only
          ├ passkeys                         the same, by a key that the person's device holds
          ├ archives                         exports that the person uploaded, until they are imported
          ├ pushed_files                     files that apps pushed to the person
          ├ exports                          archives in which the person takes everything with them
          ├ syncs                            one row per account and run
          ├ merges, former_libraries         other libraries of the same person that are moved into this one, or were
          ├ consents ─ consent_accounts      what the person allowed
          ├ receipts                         what they allowed and withdrew, signed for them
          ├ postboxes                        where an app of an older protocol version pushes files to
          └ library_partners                 the id by which a partner knows the person
storages ─ stored_files                      an app's own files, which it encrypts itself
journeys ─ previews                          the progress of a person through the consent pages
passkey_challenges                           what a passkey has to sign next, in one browser
authorization_codes, tokens, references      stored as hashes only
sessions ─ session_syncs                     sessions in which an app reads
webhook_endpoints ─ webhook_messages         where apps are told what happened, and what they are told
signing_keys, certificate_authorities        the platform's own keys
hint_keys                                    the key that hides the library's id in tokens and codes
audit_entries, audit_heads                   what happened, in a chain that shows changes; the signed ends of it
alerts                                       problems that the operator is told about
usage_counts, usage_people                   how much apps read and wrote in each month, and of how many people
nonces, call_counts, clock_readings          what the platform remembers of requests and of the time
source_uses                                  how often the platform sent requests to sources, and when it may again
server_clients                               where the platform registered itself as a client, and as what
provider_lists ─ providers                   the directory of health providers, by which people find theirs
keys_to_destroy, blobs_to_delete             keys and blobs of erased data that still have to be destroyed
unjournaled                                  erasures and withdrawals that are not in the journal of erasures yet

The classes are in the modules of this package, and other code imports them from here.
"""

from privateshare.platform.db.tables.applications import ApplicationRow as ApplicationRow
from privateshare.platform.db.tables.applications import ContractRow as ContractRow
from privateshare.platform.db.tables.applications import PartnerRow as PartnerRow
from privateshare.platform.db.tables.applications import UsageCountRow as UsageCountRow
from privateshare.platform.db.tables.applications import WebhookEndpointRow as WebhookEndpointRow
from privateshare.platform.db.tables.applications import WebhookMessageRow as WebhookMessageRow
from privateshare.platform.db.tables.columns import Base as Base
from privateshare.platform.db.tables.consents import AuthorizationCodeRow as AuthorizationCodeRow
from privateshare.platform.db.tables.consents import ConsentAccountRow as ConsentAccountRow
from privateshare.platform.db.tables.consents import ConsentRow as ConsentRow
from privateshare.platform.db.tables.consents import PostboxRow as PostboxRow
from privateshare.platform.db.tables.consents import ReceiptRow as ReceiptRow
from privateshare.platform.db.tables.consents import ReferenceRow as ReferenceRow
from privateshare.platform.db.tables.consents import TokenRow as TokenRow
from privateshare.platform.db.tables.consents import live_consents as live_consents
from privateshare.platform.db.tables.journeys import ArchiveRow as ArchiveRow
from privateshare.platform.db.tables.journeys import JourneyRow as JourneyRow
from privateshare.platform.db.tables.journeys import PreviewRow as PreviewRow
from privateshare.platform.db.tables.libraries import AccountRow as AccountRow
from privateshare.platform.db.tables.libraries import ExportRow as ExportRow
from privateshare.platform.db.tables.libraries import FileRow as FileRow
from privateshare.platform.db.tables.libraries import FormerLibraryRow as FormerLibraryRow
from privateshare.platform.db.tables.libraries import LibraryPartnerRow as LibraryPartnerRow
from privateshare.platform.db.tables.libraries import LibraryRow as LibraryRow
from privateshare.platform.db.tables.libraries import MergeRow as MergeRow
from privateshare.platform.db.tables.libraries import PushedFileRow as PushedFileRow
from privateshare.platform.db.tables.libraries import UsagePersonRow as UsagePersonRow
from privateshare.platform.db.tables.operation import AlertRow as AlertRow
from privateshare.platform.db.tables.operation import AuditEntryRow as AuditEntryRow
from privateshare.platform.db.tables.operation import AuditHeadRow as AuditHeadRow
from privateshare.platform.db.tables.operation import BlobToDeleteRow as BlobToDeleteRow
from privateshare.platform.db.tables.operation import CertificateAuthorityRow as CertificateAuthorityRow
from privateshare.platform.db.tables.operation import HintKeyRow as HintKeyRow
from privateshare.platform.db.tables.operation import KeyToDestroyRow as KeyToDestroyRow
from privateshare.platform.db.tables.operation import SigningKeyRow as SigningKeyRow
from privateshare.platform.db.tables.operation import UnjournaledRow as UnjournaledRow
from privateshare.platform.db.tables.proofs import BrowserRow as BrowserRow
from privateshare.platform.db.tables.proofs import PasskeyChallengeRow as PasskeyChallengeRow
from privateshare.platform.db.tables.proofs import PasskeyRow as PasskeyRow
from privateshare.platform.db.tables.proofs import RecoveryCodeRow as RecoveryCodeRow
from privateshare.platform.db.tables.requests import CallCountRow as CallCountRow
from privateshare.platform.db.tables.requests import ClockReadingRow as ClockReadingRow
from privateshare.platform.db.tables.requests import NonceRow as NonceRow
from privateshare.platform.db.tables.sessions import NO_LIBRARY_YET as NO_LIBRARY_YET
from privateshare.platform.db.tables.sessions import SessionRow as SessionRow
from privateshare.platform.db.tables.sessions import SessionSyncRow as SessionSyncRow
from privateshare.platform.db.tables.sessions import SyncRow as SyncRow
from privateshare.platform.db.tables.sources import ProviderListRow as ProviderListRow
from privateshare.platform.db.tables.sources import ProviderRow as ProviderRow
from privateshare.platform.db.tables.sources import ServerClientRow as ServerClientRow
from privateshare.platform.db.tables.sources import SourceUseRow as SourceUseRow
from privateshare.platform.db.tables.storages import StorageRow as StorageRow
from privateshare.platform.db.tables.storages import StoredFileRow as StoredFileRow
