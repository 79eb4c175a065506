"""The transaction of a request, which is committed before the response is sent."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.http.requests import platform_of, read_body


async def _transaction(request: Request) -> AsyncIterator[AsyncSession]:
    await read_body(request)  # The body is read first, so that a slow sender does not hold a database connection.
    async with platform_of(request).database.transaction() as db:
        yield db


Transaction = Annotated[AsyncSession, Depends(_transaction, scope="function")]
"""The transaction of this request: committed before the response is sent, or rolled back if the endpoint raises."""
