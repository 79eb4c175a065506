"""The API's description for people: one page without scripts, made of the OpenAPI document."""

from typing import Any

from fastapi import APIRouter, Request
from jinja2 import Environment, PackageLoader
from starlette.responses import HTMLResponse

from privateshare.platform.api.openapi import describe

router = APIRouter(include_in_schema=False)

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

_templates = Environment(loader=PackageLoader("privateshare.platform.api"), autoescape=True, trim_blocks=True)


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Every call with its parameters, body and answers."""
    document = describe(request.app)
    calls = [
        {"path": path, "method": method.upper(), **operation}
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    groups: dict[str, list[dict[str, Any]]] = {}
    for call in calls:
        groups.setdefault((call.get("tags") or ["other"])[0], []).append(call)
    page = _templates.get_template("reference.html").render(
        document=document, groups=groups, schemas=document["components"]["schemas"], name=_schema_name
    )
    return HTMLResponse(page, headers={"content-security-policy": POLICY})


def _schema_name(content: dict[str, Any]) -> str:
    """The name of the schema of a body or an answer, or its media type if it has none."""
    for media_type, described in content.items():
        schema = described.get("schema") or {}
        reference = schema.get("$ref") or (schema.get("items") or {}).get("$ref")
        for option in schema.get("anyOf", []):
            reference = reference or option.get("$ref")
        return str(reference).rsplit("/", 1)[-1] if reference else str(media_type)
    return ""
