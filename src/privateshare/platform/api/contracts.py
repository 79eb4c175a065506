"""Details of a contract, the portability report, and tracking. Protocol 12."""

import json
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from privateshare.errors import InvalidContractDataRequest, InvalidRequest, NotFound
from privateshare.platform.api.callers import CallerForUser, ContractCaller, authenticate, require_user
from privateshare.platform.db.tables import ContractRow, SessionRow
from privateshare.platform.grants.contracts import load_contract
from privateshare.platform.http.requests import count_unsigned, platform_of
from privateshare.platform.http.streaming import ConsentIsLive, stream_response
from privateshare.platform.http.transaction import Transaction
from privateshare.platform.keys.certificates import expiration, load_authority
from privateshare.platform.library.accounts import consented_accounts
from privateshare.platform.library.delivery import ReadPermission, read_permission, readable_files
from privateshare.platform.library.libraries import open_library
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.operating.access_log import note_contract
from privateshare.platform.operating.admission import current_request
from privateshare.platform.reports.medmij import MedMijReport, make_medmij_report, medmij_requests_of
from privateshare.platform.reports.portability import (
    MEDIA_TYPES,
    PortabilityReport,
    ReportFormat,
    make_portability_report,
)
from privateshare.platform.sync.sessions import use_consent
from privateshare.protocol.catalogue import CatalogueEntry, ServiceType, catalogue
from privateshare.protocol.contract_document import SCHEMA_VERSION
from privateshare.protocol.messages import ContractApplication, ContractDetails, SessionOptions, TimeRange
from privateshare.protocol.scope import Reach, window
from privateshare.protocol.window import Window

router = APIRouter(tags=["contract"])

CertificateType = Literal["x509", "json"]
MISSING_VALUES = ("", "undefined", "null")  # Clients send these for a parameter without a value.


@router.get("/permission-access/contract")
async def own_contract(caller: ContractCaller, type: CertificateType = "x509") -> ContractDetails:
    """Return the caller's contract. Protocol 12.1."""
    return await _details(caller, caller.contract, type)


@router.get("/permission-access/contract/{contract_id}/{application_id}", dependencies=[Depends(count_unsigned)])
async def public_contract(
    request: Request,
    db: Transaction,
    contract_id: str,
    application_id: str,
    schema_version: Annotated[str, Query(alias="schemaVersion")] = SCHEMA_VERSION,
) -> ContractDetails:
    """Return a contract by the ids of contract and application, which iOS requests without a JWT. Protocol 12.1."""
    if schema_version != SCHEMA_VERSION:
        raise InvalidRequest(f"schemaVersion must be {SCHEMA_VERSION}")
    now = datetime.now(UTC)
    contract = await load_contract(db, f"{application_id}_{contract_id}", now)
    note_contract(request.scope, contract.id, contract.application_id)
    authority = await load_authority(db, platform_of(request).master_key, now)
    return _view(contract, authority.certify(contract), "x509")


async def _details(caller: ContractCaller, contract: ContractRow, kind: CertificateType) -> ContractDetails:
    if kind == "json":
        return _view(contract, json.dumps(contract.document.raw, ensure_ascii=False), kind)
    authority = await load_authority(caller.db, caller.platform.master_key, caller.now)
    return _view(contract, authority.certify(contract), kind)


def _view(contract: ContractRow, certificate: str, kind: CertificateType) -> ContractDetails:
    application = contract.application
    return ContractDetails(
        access_type="w" if contract.kind == "write" else "r",
        application=ContractApplication(id=application.id, name=application.name, resources={}, status=1),
        certificate=certificate,
        certificate_contract_schema_version=SCHEMA_VERSION,
        expiration_date=int(expiration(contract).timestamp() * 1000),
        id=contract.id,
        partner_id=application.partner_id,
        type=kind,
    )


@router.get(
    "/export/{service_type}/report",
    response_class=Response,
    responses={200: {"content": {media_type: {} for media_type in MEDIA_TYPES.values()}}},
)
async def get_portability_report(
    request: Request,
    service_type: str,
    format: ReportFormat = "xml",
    from_: Annotated[str, Query(alias="from")] = "",
    to: str = "",
) -> Response:
    """Make a report of the data of one service type, as far as this contract may read it. Protocol 12.3.

    For `medmij`, the XML has MedMij's own form, and says what was requested from which provider.
    """
    admitted = current_request()
    # A stream place is needed first: a report that cannot be sent must not use up a contract for a single read.
    await admitted.stream()
    await admitted.resume()
    async with platform_of(request).database.transaction() as db:
        caller = await require_user(await authenticate(request, db))
        service = _service(service_type)
        _check_reads_mapped(caller.contract)
        if caller.contract.once or caller.consent.once:
            await use_consent(db, caller.contract, caller.consent, caller.now)
        session = SessionRow(options=SessionOptions(), created_at=caller.now)
        permission = read_permission(caller.contract, caller.consent, session)
        period = window(TimeRange(from_=_seconds("from", from_), to=_seconds("to", to)), caller.now)
        if service.id == ServiceType.MEDMIJ and format == "xml":
            return await _medmij_report(caller, permission, period)
        readable = await readable_files(caller.platform.database, caller.consent, permission)
        files = [file for file in readable if file.service_type == service.id]
        library = await open_library(db, caller.platform, caller.consent.library_id)
    for file in files:
        kind = catalogue().object_types[file.object_type].reference
        await caller.platform.read_log.add(library, caller.consent.id, caller.contract.id, kind, file.size)
        caller.platform.usage.count_read(caller.contract.id, caller.consent.id, 1, file.size)
    report = PortabilityReport(service, caller.now, (*permission.reaches, Reach(windows=(period,))), files)
    pieces = make_portability_report(report, MappedFiles(caller.platform.blobs, library), format)
    is_allowed = ConsentIsLive(
        caller.consent.library_id,
        caller.consent.id,
        caller.consent.choice,
        frozenset(file.account_id for file in files),
    )
    return await stream_response(caller.platform, is_allowed, pieces, media_type=MEDIA_TYPES[format])


async def _medmij_report(caller: CallerForUser, permission: ReadPermission, period: Window) -> Response:
    accounts = await consented_accounts(caller.db, caller.consent.library_id, caller.consent.id)
    library = await open_library(caller.db, caller.platform, caller.consent.library_id)
    logs = [
        medmij_requests_of(account, library, partial(permission.choice.allows, account.id))
        for account in accounts
        if account.service_type == ServiceType.MEDMIJ
    ]
    report = MedMijReport(
        participant=caller.platform.settings.medmij_participant or urlsplit(caller.api).hostname or "",
        created=caller.now,
        period=period,
        reaches=permission.reaches,
        logs=[log for log in logs if log is not None],
    )
    return Response(make_medmij_report(report), media_type=MEDIA_TYPES["xml"])


def _check_reads_mapped(contract: ContractRow) -> None:
    if contract.kind != "read":
        raise InvalidContractDataRequest("Only a contract that reads data from sources can get a report")


def _service(reference: str) -> CatalogueEntry:
    for service in catalogue().service_types.values():
        if reference.lower() == service.reference:
            return service
    raise NotFound(f"There is no service type with the reference {reference}")


def _seconds(name: str, text: str) -> int | None:
    if text in MISSING_VALUES:
        return None
    try:
        return int(float(text))
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(f"{name} must be seconds since the epoch") from error


@router.post(
    "/tracking/sdk",
    status_code=204,
    dependencies=[Depends(count_unsigned)],
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": {}}}}},
)
async def tracking() -> Response:
    """Accept tracking data from any client without reading or storing it. Protocol 12.4."""
    return Response(status_code=204)
