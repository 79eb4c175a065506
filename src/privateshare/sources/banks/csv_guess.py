"""Detection of the columns of a CSV file without a header. It fails if the content is ambiguous."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import islice, pairwise, permutations

from privateshare.sources.archive import UploadedFile
from privateshare.sources.banks.amounts import DecimalMark, value_of, written_amount
from privateshare.sources.banks.csv_table import Form, TableColumns, rows_of
from privateshare.sources.banks.csv_words import Role, direction_of
from privateshare.sources.banks.dates import possible_dates, split_time
from privateshare.sources.banks.reasons import Problem, UnreadableStatement

SAMPLE_ROWS = 1000
MOST = 0.95


_ACCOUNT_NUMBER = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{8,30}|\d{7,18}")
_CURRENCY_CODE = re.compile(r"[A-Z]{3}")
_CENTS = re.compile(r"[.,]\d{2}(?!\d)")

_Cells = Sequence[Sequence[str]]


def guessed_columns(file: UploadedFile, form: Form) -> TableColumns:
    """Determine the content of the columns of a file without a header.

    Raises:
        UnreadableStatement: There is no date or no amount, or it is ambiguous which column is the amount.
    """
    sample = list(islice(rows_of(file, form), SAMPLE_ROWS))
    width = Counter(map(len, sample)).most_common(1)[0][0] if sample else 0
    rows = [row for row in sample if len(row) == width]  # Lines with another number of cells describe the account.
    if width < 3:
        raise UnreadableStatement(Problem.NOT_A_STATEMENT)
    columns = [[row[place].strip() if place < len(row) else "" for row in rows] for place in range(width)]
    dates = [place for place, cells in enumerate(columns) if _share(cells, _is_date, len(rows)) >= MOST]
    amounts = [place for place, cells in enumerate(columns) if place not in dates and _are_amounts(cells)]
    if not dates or not amounts:
        raise UnreadableStatement(Problem.NOT_A_STATEMENT)
    found: dict[Role, tuple[int, ...]] = {Role.DATE: (dates[0],)}
    if len(dates) > 1:
        found[Role.VALUED] = (dates[1],)
    found |= _amount_places(columns, amounts)
    rest = [place for place in range(width) if place not in dates and place not in amounts]
    either = {place for role in (Role.DEBIT, Role.CREDIT) for place in found.get(role, ())}
    always = tuple(place for place in _always_filled(columns) if place not in either)
    return TableColumns((), found | _other_places(columns, rest), always=always)


def _always_filled(columns: _Cells) -> tuple[int, ...]:
    """Return the columns that all rows fill, except perhaps the last row, which may be a balance."""
    return tuple(place for place, cells in enumerate(columns) if all(cells[:-1]))


def _share(cells: Sequence[str], test: Callable[[str], bool], count: int) -> float:
    return sum(1 for cell in cells if cell and test(cell)) / count if count else 0.0


def _is_date(cell: str) -> bool:
    return bool(possible_dates(split_time(cell)[0]))


def _are_amounts(cells: Sequence[str]) -> bool:
    filled = [cell for cell in cells if cell]
    if not filled or not any(_CENTS.search(cell) for cell in filled):
        return False
    return all(written_amount(cell) is not None for cell in filled)


def _amount_places(columns: _Cells, places: Sequence[int]) -> dict[Role, tuple[int, ...]]:
    """Determine which columns are amounts and which are balances, by adding them up."""
    if len(places) == 1:
        return {Role.AMOUNT: (places[0],)}
    mark = DecimalMark()
    for place in places:
        for cell in columns[place]:
            if (written := written_amount(cell)) is not None:
                mark.add(written.digits)
    decimal_mark = mark.decide()
    values = {place: [_value(cell, decimal_mark) for cell in columns[place]] for place in places}
    directions = _directions(columns)
    for amount, balance in permutations(places, 2):
        marked = [None if one is None else abs(one) * way for one, way in zip(values[amount], directions, strict=True)]
        if adds_up(values[amount], values[balance]) or adds_up(marked, values[balance]):
            return {Role.AMOUNT: (amount,), Role.BALANCE: (balance,)}
    for debit, credit, balance in permutations(places, 3):
        pairs = list(zip(values[debit], values[credit], strict=True))
        if not any(one and other for one, other in pairs):
            moves = [_move(one, other) for one, other in pairs]
            if adds_up(moves, values[balance]):
                return {Role.DEBIT: (debit,), Role.CREDIT: (credit,), Role.BALANCE: (balance,)}
    for debit, credit in permutations(places, 2) if len(places) == 2 else ():
        if _are_opposite(values[debit], values[credit]):
            return {Role.DEBIT: (debit,), Role.CREDIT: (credit,)}
    for before, amount, after in permutations(places, 3):
        rows = zip(values[before], values[amount], values[after], strict=True)
        if all(one is not None and move is not None and one + move == other for one, move, other in rows):
            return {Role.AMOUNT: (amount,), Role.BALANCE: (after,)}
    signed = [place for place in places if any(value is not None and value < 0 for value in values[place])]
    if len(signed) == 1 and any(value is not None and value > 0 for value in values[signed[0]]):
        return {Role.AMOUNT: (signed[0],)}
    raise UnreadableStatement(Problem.COLUMNS_UNCLEAR)


def _are_opposite(debits: Sequence[Decimal | None], credits_: Sequence[Decimal | None]) -> bool:
    """Return whether each row has either an amount below zero in one column, or one above zero in the other."""
    rows = list(zip(debits, credits_, strict=True))
    return all((one is None) != (other is None) for one, other in rows) and all(
        (one is None or one < 0) and (other is None or other > 0) for one, other in rows
    )


def _directions(columns: _Cells) -> list[int]:
    """Return the direction of each row from a column of marks; zeros if there is none."""
    for cells in columns:
        if all(directions := [direction_of(cell) for cell in cells]):
            return directions
    return [0] * len(columns[0])


def _value(cell: str, decimal_mark: str) -> Decimal | None:
    written = written_amount(cell)
    value = value_of(written.digits, decimal_mark) if written is not None else None
    return value * (written.sign or 1) if written is not None and value is not None else None


def _move(debit: Decimal | None, credit: Decimal | None) -> Decimal:
    return abs(credit) if credit else -abs(debit or Decimal(0))


def adds_up(amounts: Sequence[Decimal | None], balances: Sequence[Decimal | None]) -> bool:
    """Return whether each balance is the previous one plus the amount, from top to bottom or from bottom to top."""
    rows = [(amount, balance) for amount, balance in zip(amounts, balances, strict=True) if amount is not None]
    known = [(amount, balance) for amount, balance in rows if balance is not None]
    if len(known) < 3 or len(known) != len(amounts) or not any(amount for amount, _ in known):
        return False
    downwards = sum(1 for before, after in pairwise(known) if before[1] + after[0] == after[1])
    upwards = sum(1 for after, before in pairwise(known) if before[1] + after[0] == after[1])
    return max(downwards, upwards) >= MOST * (len(known) - 1)


def _other_places(columns: _Cells, places: Sequence[int]) -> dict[Role, tuple[int, ...]]:
    """Determine which of the other columns are marks, accounts, currencies and texts."""
    found: dict[Role, tuple[int, ...]] = {}
    for place in places:
        filled = [cell for cell in columns[place] if cell]
        if not filled:
            continue
        role = _other_role(filled, constant=len(set(filled)) == 1 and len(filled) == len(columns[place]))
        if role is Role.TEXT:
            found[role] = (*found.get(role, ()), place)
        elif role is not None:
            found.setdefault(role, (place,))
    return found


def _other_role(filled: Sequence[str], *, constant: bool) -> Role | None:
    if all(direction_of(cell) for cell in filled):
        return Role.MARK
    if all(_CURRENCY_CODE.fullmatch(cell) for cell in filled):
        return Role.CURRENCY
    if all(_ACCOUNT_NUMBER.fullmatch(cell.replace(" ", "")) for cell in filled):
        return Role.ACCOUNT if constant else Role.OTHER_ACCOUNT
    return Role.TEXT if any(len(cell) > 3 and any(map(str.isalpha, cell)) for cell in filled) else None
