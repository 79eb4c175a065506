"""What the kinds of new packages differ in: the texts that replace the placeholders of their templates."""

from collections.abc import Mapping

JSON_VALUES: Mapping[str, str] = {
    "ids": "$id",
    "accept": ".zip,.json",
    "mark": r'"day"\s*:\s*"[^"]*"\s*,\s*"steps"\s*:',
    "reader_imports": """\
from privateshare.sources.json_records import FoundRecord, ObjectRole
from privateshare.sources.object_building import Mapped, SourceAccount
""",
    "sample_function": "json_file",
    "sample_file": 'json_file("steps.json", [{"day": day, "steps": steps} for day, steps in days])',
    "good": """b'[{"day": "2026-11-24", "steps": 8000}, {"day": "2026-11-25", "steps": 9000}]'""",
    "damaged": """\
b'[{"day": "x", "steps": 1}, {"day": "2026-11-24", "steps": 1}, {"day": "2026-11-25", "steps": 1}]'""",
    "others": """(b"", b"[]", b"{}", b"[1, 2]", b'[{"hello": "world"}]', b"text")""",
    "summary": """\
This package lets people connect $title: by a file that they upload, or with a sample. It reads JSON of the form
`[{"day": "2026-11-24", "steps": 8000}]`, alone or in a zip archive. Replace that with what $title really exports.""",
    "rows": "",
    "trying": "privateshare source test $name --file export.zip   # what is in a real export, and what is left out",
    "changing": """\
What to change, in this order: the pattern of `FileMark` in `source.py`, which recognises a file by its first 16 KB;
`role_of` and `objects_of_record`, which find the records; `day`, which maps one; the object type.""",
}
CSV_VALUES: Mapping[str, str] = {
    "ids": "$id",
    "accept": ".zip,.csv",
    "mark": r"(?i)\A\W*(Day|Date)\W+Steps\b",
    "reader_imports": """\
from privateshare.sources.object_building import Mapped, SourceAccount
from privateshare.sources.tables import TableKind, TableRow
""",
    "sample_function": "table_file",
    "sample_file": 'table_file("steps.csv", ("Day", "Steps"), days)',
    "good": r'b"Day,Steps\n2026-11-24,8000\n2026-11-25,9000\n"',
    "damaged": r'b"Day,Steps\nx,1\n2026-11-24,8000\n2026-11-25,9000\n"',
    "others": r"""(b"", b"[]", b"Name,Colour\nAnn,red\n", b"Day,Steps\n", b'[{"day": "2026-11-24"}]', b"text")""",
    "summary": """\
This package lets people connect $title: by a file that they upload, or with a sample. It reads tables with the columns
`Day` and `Steps`, alone or in a zip archive. Replace that with what $title really exports.""",
    "rows": "",
    "trying": "privateshare source test $name --file export.csv   # what is in a real export, and what is left out",
    "changing": """\
What to change, in this order: the columns of the `TableKind` in `source.py`, with all names that each has had; the
pattern of `FileMark`, which recognises a file by its first 16 KB; `day_of_row` and `day`, which map a row; the
object type.""",
}
SIGN_IN_VALUES: Mapping[str, str] = {
    "ids": "",
    "summary": """\
This package lets people connect $title by signing in there with OAuth 2. The addresses in `source.py` are invented
(`.example`), and `tests/local_api.py` is a server on this machine that stands for the provider's. Replace
both with what $title really has.""",
    "rows": """
| `src/privateshare_$name/configuration.py` | the settings of the operator: client id and secret |
| `tests/local_api.py` | the API as a server on this machine: `python tests/local_api.py` runs it |""",
    "trying": """\
python tests/local_api.py   # in another terminal: runs the API, and says how to sign in there
privateshare source test $name --live   # at the real provider, with the client id and secret in the settings""",
    "changing": """\
What to change, in this order: `sites`, the addresses and the scope in `sign_in`, and `owner`, in `source.py`;
`listings`, with the address, paging and mapping of each list; `tests/local_api.py`, after the provider's description;
`limits`; the object type.""",
}
