"""Health checks: whether this process is alive, and whether it is ready to handle requests."""

from fastapi import APIRouter, Request

from privateshare.platform.api.readiness import Readiness
from privateshare.protocol.wire import Wire

router = APIRouter(tags=["health"])


class Health(Wire):
    """The process is alive. Problems are reported as an error response."""

    status: str = "ok"


class Ready(Health):
    """The process is ready. `warnings` are problems that the operator should look at all the same."""

    warnings: list[str] | None = None


@router.get("/healthz")
async def healthz() -> Health:
    """Report that the process is alive."""
    return Health()


@router.get("/readyz", response_model_exclude_none=True)
async def readyz(request: Request) -> Ready:
    """Check that the process is ready: the database responds, disks have space, and blobs can be written."""
    readiness = request.app.state.readiness
    assert isinstance(readiness, Readiness)
    return Ready(warnings=await readiness.check() or None)
