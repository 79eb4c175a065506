"""The transaction of a request: what an endpoint changes is committed before its answer leaves."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.http.requests import platform_of


async def _transaction(request: Request) -> AsyncIterator[AsyncSession]:
    await request.body()  # first: who sends it slowly must not hold a connection meanwhile
    async with platform_of(request).database.transaction() as db:
        yield db


Transaction = Annotated[AsyncSession, Depends(_transaction, scope="function")]
"""This request's transaction: committed before the answer leaves, rolled back if the endpoint raises."""
