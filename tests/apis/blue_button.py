"""CMS Blue Button 2.0, as its published description says: claims of Medicare in FHIR R4, in pages of at most 50."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

from privateshare.testing.api_server import Answer, Api, Call, Listed

PATIENT = "-20140000008325"
SCOPE = "patient/Patient.read patient/Coverage.read patient/ExplanationOfBenefit.read"
CLAIMS, MAX_COUNT = 120, 50
# What the clock of the API shows. It must be recent: a week after a full read, everything is read again.
MOMENT = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


def blue_button() -> Api:
    """Return the API. It has no SMART configuration."""
    reference = {"reference": f"Patient/{PATIENT}"}
    claims = [
        {
            "resourceType": "ExplanationOfBenefit",
            "id": f"carrier--{number}",
            "meta": {"lastUpdated": "2026-06-01T00:00:00Z"},
            "status": "active",
            "use": "claim",
            "patient": reference,
            "billablePeriod": {"start": f"2025-{1 + number % 12:02}-01"},
            "payment": {"amount": {"value": 10.5 + number, "currency": "USD"}},
        }
        for number in range(CLAIMS)
    ]
    coverage = [
        {"resourceType": "Coverage", "id": f"part-{part}-{PATIENT}", "status": "active", "beneficiary": reference}
        for part in "abcd"
    ]
    patient = {"resourceType": "Patient", "id": PATIENT, "name": [{"family": "Doe", "given": ["Jane", "X"]}]}
    return Api(
        authorize="/v2/o/authorize/",
        token="/v2/o/token/",
        revoke="/v2/o/revoke_token/",
        answers={f"/v2/fhir/Patient/{PATIENT}": patient},
        lists={
            "/v2/fhir/ExplanationOfBenefit": Listed(claims, searched("patient")),
            "/v2/fhir/Coverage": Listed(coverage, searched("beneficiary")),
        },
        limited=(429, {"Retry-After": "17"}, {"detail": "Request was throttled."}),
        expired=(401, {}, {"detail": "Authentication credentials were not provided."}),
        wrap_token=lambda token: token | {"patient": PATIENT, "scope": SCOPE},
    )


def searched(parameter: str) -> Any:
    """Return a function that answers a search by this parameter with a page, which has links to the others."""

    def answer(items: list[Any], call: Call) -> Answer:
        if call.query.get(parameter, "").removeprefix("Patient/") != PATIENT:
            return 403, {}, {"detail": "You do not have permission to perform this action."}
        start, count = int(call.query.get("startIndex", 0)), min(int(call.query.get("_count", 10)), MAX_COUNT)
        since = call.query.get("_lastUpdated", "ge").removeprefix("ge")
        found = [one for one in items if one.get("meta", {}).get("lastUpdated", "9999") >= since]

        def page(at: int, relation: str) -> dict[str, str]:
            query = urlencode(call.query | {"startIndex": str(at), "_count": str(count)})
            return {"relation": relation, "url": f"{call.address}{call.path}?{query}"}

        links = [page(0, "first"), page(start, "self")]
        if start + count < len(found):
            links.append(page(start + count, "next"))
        entries = [{"resource": one} for one in found[start : start + count]]
        bundle = {"resourceType": "Bundle", "type": "searchset", "total": len(found), "link": links, "entry": entries}
        headers = {"Date": format_datetime(MOMENT, usegmt=True), "Content-Type": "application/fhir+json"}
        return 200, headers, bundle

    return answer
