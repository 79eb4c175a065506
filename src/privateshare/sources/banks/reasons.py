"""The reasons why transactions are skipped, and why a whole statement cannot be read."""

from enum import Enum, auto

from privateshare.sources.failures import Broken, Reason

NO_DATE = Reason(
    "NoDate",
    "%(num)s of %(total)s transactions has no date that can be read.",
    "%(num)s of %(total)s transactions have no date that can be read.",
    Broken("The file holds no transaction with a date that can be read. Download it again from your bank."),
)
NO_AMOUNT = Reason(
    "NoAmount",
    "%(num)s of %(total)s transactions has no amount that can be read.",
    "%(num)s of %(total)s transactions have no amount that can be read.",
    Broken("The file holds no transaction with an amount that can be read. Download it again from your bank."),
)
NO_DIRECTION = Reason(
    "NoDirection",
    "%(num)s of %(total)s transactions does not say whether money came in or went out.",
    "%(num)s of %(total)s transactions do not say whether money came in or went out.",
    Broken("The file does not say whether money came in or went out. Choose another format at your bank."),
)
NOT_A_STATEMENT_LINE = Reason(
    "Damaged",
    "%(num)s of %(total)s statement lines is damaged.",
    "%(num)s of %(total)s statement lines are damaged.",
    Broken("The statement lines of the file are damaged. Download it again from your bank."),
)
IS_UNCERTAIN = Reason(
    "Uncertain",
    "%(num)s of %(total)s lines may be a balance or a total, and not a transaction.",
    "%(num)s of %(total)s lines may be balances or totals, and not transactions.",
    Broken("The file does not show which of its lines are transactions. Choose another format at your bank."),
)
IS_PENDING = Reason(
    "Pending",
    "%(num)s of %(total)s transactions is not booked yet. It comes with a later download.",
    "%(num)s of %(total)s transactions are not booked yet. They come with a later download.",
    Broken("None of the transactions in the file is booked yet. Download it again in a few days."),
)
IS_UNDONE = Reason(
    "NoMoneyMoved",
    "%(num)s of %(total)s entries moved no money, such as a declined payment.",
    "%(num)s of %(total)s entries moved no money, such as declined payments.",
    Broken("No entry of the file moved any money. Choose a longer period at your bank."),
)
IS_INFORMATION = Reason(
    "NotBooked",
    "%(num)s of %(total)s entries is for information only, and was not booked.",
    "%(num)s of %(total)s entries are for information only, and were not booked.",
    Broken("The file only informs of transactions that were not booked. Choose a statement, such as CAMT.053."),
)
IS_INVESTMENT = Reason(
    "Investment",
    "%(num)s of %(total)s entries is a trade of securities, which is left out.",
    "%(num)s of %(total)s entries are trades of securities, which are left out.",
    Broken("The file holds trades of securities only, which cannot be read here. Choose an account with payments."),
)

UNREADABLE = frozenset({NO_DATE.code, NO_AMOUNT.code, NO_DIRECTION.code, NOT_A_STATEMENT_LINE.code})
"""The codes of reasons that mean a loss. Other skipped entries are not booked transactions."""


class Problem(Enum):
    """The reason why a whole statement cannot be read."""

    DATES_UNCLEAR = auto()
    AMOUNTS_UNCLEAR = auto()
    AMOUNTS_MIXED = auto()
    SIGNS_UNCLEAR = auto()
    COLUMNS_UNCLEAR = auto()
    TOO_LONG_LINE = auto()
    NOT_XML = auto()
    IS_PDF = auto()
    IS_SPREADSHEET = auto()
    NOT_A_STATEMENT = auto()


NOT_STATEMENTS = frozenset({Problem.IS_PDF, Problem.IS_SPREADSHEET, Problem.NOT_A_STATEMENT})


class UnreadableStatement(Exception):
    """A whole statement that cannot be read."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.name)


def problem_message(problem: Problem, name: str) -> Broken:
    """Build the message for the person: why the file cannot be read, and what to do."""
    if problem is Problem.DATES_UNCLEAR:
        return Broken(
            "%(name)s does not show whether 02/03 is in February or in March. "
            "Choose CAMT, MT940 or OFX at your bank, or a longer period.",
            name=name,
        )
    if problem is Problem.AMOUNTS_UNCLEAR:
        return Broken(
            "%(name)s does not show whether 1,234 is one thousand or one and a fraction. "
            "Choose CAMT, MT940 or OFX at your bank, or a longer period.",
            name=name,
        )
    if problem is Problem.AMOUNTS_MIXED:
        return Broken(
            "%(name)s writes cents after a comma and after a point. "
            "Download it again, and do not open it in a spreadsheet before.",
            name=name,
        )
    if problem is Problem.SIGNS_UNCLEAR:
        return Broken(
            "%(name)s does not show which amounts came in and which went out. Choose CAMT, MT940 or OFX at your bank.",
            name=name,
        )
    if problem is Problem.COLUMNS_UNCLEAR:
        return Broken(
            "%(name)s does not say which of its columns is the amount. Choose CAMT, MT940 or OFX at your bank.",
            name=name,
        )
    return _format_message(problem, name)


def _format_message(problem: Problem, name: str) -> Broken:
    if problem is Problem.TOO_LONG_LINE:
        return Broken("%(name)s has a line that is too long for a file of a bank. Download it again.", name=name)
    if problem is Problem.NOT_XML:
        return Broken("%(name)s is damaged, or was not downloaded to its end. Download it again.", name=name)
    if problem is Problem.IS_PDF:
        return Broken("%(name)s is a PDF, which only people can read. Choose CSV, CAMT, MT940 or OFX.", name=name)
    if problem is Problem.IS_SPREADSHEET:
        return Broken("%(name)s is a spreadsheet. Choose CSV, CAMT, MT940 or OFX at your bank.", name=name)
    return Broken("%(name)s holds no bank transactions. Choose CSV, CAMT, MT940, OFX or QIF at your bank.", name=name)
