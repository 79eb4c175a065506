"""Views of FHIR resources after SQL on FHIR's ViewDefinition, with FHIRPath by the library `fhirpathpy`.

See <https://sql-on-fhir.org>. Besides its own constants, a view has `%user`, `%account`, `%source` and `%file`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING, Any

from privateshare.errors import ConfigurationError
from privateshare.sdk.lazy import LazyModule
from privateshare.sdk.tables.columns import ObjectInFile
from privateshare.sdk.tables.contents import Record
from privateshare.sdk.tables.derived_rows import DerivedRows, plain
from privateshare.sdk.tables.outputs import need

if TYPE_CHECKING:
    import fhirpathpy
    from fhirpathpy import models as fhir_models
else:  # An optional extra.
    fhirpathpy, fhir_models = LazyModule("fhirpathpy"), LazyModule("fhirpathpy.models")
antlr4: Any = LazyModule("antlr4")
fhirpath_parser: Any = LazyModule("fhirpathpy.parser")

Json = Mapping[str, Any]
Context = dict[str, Any]
MAX_REPEATS = 1_000_000
"""How many elements one `repeat` may find in a resource."""


def view_of(
    definition: Json, table: str, objects: Callable[[], Iterator[ObjectInFile]], source: Callable[[], bytes]
) -> DerivedRows:
    """Return the rows that a definition selects from the resources of a table.

    Raises:
        ConfigurationError: The definition is invalid, or the extra `privateshare[fhir]` is not installed.
    """
    need(fhirpathpy, "fhir")
    if not isinstance(definition, Mapping) or not definition:
        raise _invalid("it must be a dictionary with `select`, or with the FHIRPath of each column")
    if "select" not in definition:
        columns = [{"name": name, "path": path} for name, path in definition.items()]
        definition = {"select": [{"column": columns}]}
    view = _View(definition, table)
    name = definition.get("name")
    return DerivedRows(str(name or f"{table}_view"), objects, view.rows, source, {}, f"view {plain(definition)!r}")


class _View:
    """A definition whose paths are compiled."""

    def __init__(self, definition: Json, table: str) -> None:
        kind = definition.get("resource")
        if kind is not None and str(kind).lower() != table.removesuffix("_fhir"):
            raise _invalid(f"it selects from {kind}, and this is the table {table}")
        self._where = [_Path(_entry(where, "where").get("path"), "where") for where in _entries(definition, "where")]
        self._constants = dict(_constant(entry) for entry in _entries(definition, "constant"))
        self._selection = _Selection({"select": _entries(definition, "select")})
        names = self._selection.names
        if len(set(names)) != len(names):
            raise _invalid(f"two columns have the same name; the names are {', '.join(names)}")

    def rows(self, row: ObjectInFile) -> Iterator[Record]:
        """Yield the rows of a resource."""
        origin = {name: row.content.origin.get(name) for name in ("user", "account", "source", "file")}
        context = {"resource": row.thing, "rootResource": row.thing, **origin, **self._constants}
        if all(where.is_true(row.thing, context) for where in self._where):
            for record in self._selection.rows(row.thing, context):
                yield {name: record.get(name) for name in self._selection.names}


class _Selection:
    """One `select` of a definition, with its columns and inner selections."""

    def __init__(self, select: Json) -> None:
        self._columns = [_Column(_entry(column, "column")) for column in _entries(select, "column")]
        self._inner = [_Selection(_entry(inner, "select")) for inner in _entries(select, "select")]
        self._union = [_Selection(_entry(inner, "unionAll")) for inner in _entries(select, "unionAll")]
        self._each = self._path(select, "forEach")
        self._each_or_null = self._path(select, "forEachOrNull")
        self._repeat = [_Path(path, "repeat") for path in _entries(select, "repeat")]
        if sum(map(bool, (self._each, self._each_or_null, self._repeat))) > 1:
            raise _invalid("a select may have one of forEach, forEachOrNull and repeat")
        names = [column.name for column in self._columns]
        names += [name for inner in self._inner for name in inner.names]
        unions = [inner.names for inner in self._union]
        if any(found != unions[0] for found in unions):
            raise _invalid("all parts of a unionAll must have the same columns in the same order")
        self.names: list[str] = names + (unions[0] if unions else [])
        if not self.names:
            raise _invalid("a select has no columns")

    def rows(self, node: Any, context: Context) -> Iterator[Record]:
        nodes = self._nodes(node, context)
        if not nodes and self._each_or_null is not None:
            yield dict.fromkeys(self.names)
        for each in nodes:
            yield from self._rows_of(each, context)

    def _nodes(self, node: Any, context: Context) -> Sequence[Any]:
        if self._repeat:
            return self._repeated(node, context)
        path = self._each or self._each_or_null
        return [node] if path is None else path.nodes(node, context)

    def _repeated(self, node: Any, context: Context) -> Sequence[Any]:
        found: list[Any] = []
        waiting = [node]
        while waiting:
            current = waiting.pop(0)
            next_nodes = [inner for path in self._repeat for inner in path.nodes(current, context)]
            found += next_nodes
            waiting += next_nodes
            if len(found) > MAX_REPEATS:
                raise _invalid("its repeat does not end")
        return found

    def _rows_of(self, node: Any, context: Context) -> Iterator[Record]:
        parts: list[list[Record]] = [[{column.name: column.value(node, context) for column in self._columns}]]
        parts += [list(inner.rows(node, context)) for inner in self._inner]
        if self._union:
            parts.append([row for inner in self._union for row in inner.rows(node, context)])
        for combination in product(*parts):
            yield {name: value for part in combination for name, value in part.items()}

    @staticmethod
    def _path(select: Json, name: str) -> "_Path | None":
        return _Path(select[name], name) if select.get(name) is not None else None


class _Column:
    def __init__(self, column: Json) -> None:
        name = column.get("name")
        if not isinstance(name, str) or not name:
            raise _invalid("a column has no name")
        self.name: str = name
        self._path = _Path(column.get("path"), f"the column {name}")
        self._is_collection = column.get("collection") is True

    def value(self, node: Any, context: Context) -> Any:
        values = self._path.values(node, context)
        if self._is_collection:
            return values
        if len(values) > 1:
            raise _invalid(
                f"the column {self.name} has {len(values)} values in one resource",
                hint="Add .first() to its path, use forEach, or give the column collection: true",
            )
        return values[0] if values else None


class _Path:
    """A FHIRPath expression. `what` says in errors what it is of."""

    def __init__(self, path: Any, what: str) -> None:
        if not isinstance(path, str) or not path.strip():
            raise _invalid(f"{what} has no path")
        self._text, self._what = path, what
        # The library knows $this only inside of functions. At the start of a path it is the element itself.
        inner = path.strip().removeprefix("$this.")
        self._is_itself = inner == "$this"
        if not self._is_itself:
            _check_syntax(inner, what)
            options = {"userInvocationTable": FUNCTIONS}
            model = fhir_models.models["r4"]
            self._values = fhirpathpy.compile(inner, model, options)
            self._nodes = fhirpathpy.compile(inner, model, options | {"returnRawData": True})

    def values(self, node: Any, context: Context) -> list[Any]:
        """Return the values of the path in an element."""
        found = [getattr(node, "data", node)] if self._is_itself else self._evaluated(self._values, node, context)
        return [_number(value) if isinstance(value, Decimal) else plain(_without_decimals(value)) for value in found]

    def nodes(self, node: Any, context: Context) -> list[Any]:
        """Return the elements of the path, which keep the types that they have in their resource."""
        return [node] if self._is_itself else self._evaluated(self._nodes, node, context)

    def is_true(self, node: Any, context: Context) -> bool:
        """Tell whether the path is true."""
        found = self.values(node, context)
        if found not in ([], [True], [False]):
            raise _invalid(f"{self._what} must be true or false, and {self._text} is not")
        return found == [True]

    def _evaluated(self, evaluate: Callable[[Any, Any], Any], node: Any, context: Context) -> list[Any]:
        try:
            found = evaluate(node, context)
        except ConfigurationError:
            raise
        except Exception as error:
            raise _invalid(f"{self._what} cannot be evaluated: {self._text}: {error}") from error
        return list(found) if isinstance(found, list) else [found]


def _resource_key(inputs: list[Any]) -> list[Any]:
    """Return the key of a resource, as in SQL on FHIR: its id."""
    return [found["id"] for found in inputs if isinstance(found, dict) and "id" in found]


def _reference_key(inputs: list[Any], kind: Any = None) -> list[Any]:
    """Return the key of the resource that a reference names, if it is of the type that is asked for."""
    wanted = getattr(kind, "name", kind)
    keys = []
    for found in inputs:
        parts = str(found.get("reference", "")).split("/_history/")[0].split("/") if isinstance(found, dict) else []
        if len(parts) >= 2 and wanted in (None, parts[-2]):
            keys.append(parts[-1])
    return keys


FUNCTIONS: Mapping[str, Any] = {
    "getResourceKey": {"fn": _resource_key, "arity": {0: []}},
    "getReferenceKey": {"fn": _reference_key, "arity": {0: [], 1: ["TypeSpecifier"]}},
}


def _check_syntax(path: str, what: str) -> None:
    """Raise ConfigurationError if a path is not FHIRPath. The library itself would use the part that is."""
    lexer = fhirpath_parser.FHIRPathLexer(antlr4.InputStream(path))
    lexer.removeErrorListeners()
    parser = fhirpath_parser.FHIRPathParser(antlr4.CommonTokenStream(lexer))
    parser.removeErrorListeners()
    parser.expression()
    if parser.getNumberOfSyntaxErrors() or parser.getCurrentToken().type != antlr4.Token.EOF:
        raise _invalid(f"{what} is not FHIRPath: {path}")


def _constant(entry: Any) -> tuple[str, Any]:
    constant = _entry(entry, "constant")
    values = [value for name, value in constant.items() if name.startswith("value")]
    if not isinstance(constant.get("name"), str) or len(values) != 1:
        raise _invalid("a constant needs a name and one value")
    return constant["name"], values[0]


def _entries(parent: Json, name: str) -> Sequence[Any]:
    entries = parent.get(name, [])
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        raise _invalid(f"{name} must be a list")
    return entries


def _entry(value: Any, name: str) -> Json:
    if not isinstance(value, Mapping):
        raise _invalid(f"each {name} must be a dictionary")
    return value


def _without_decimals(value: Any) -> Any:
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, dict):
        return {name: _without_decimals(inner) for name, inner in value.items()}
    return [_without_decimals(inner) for inner in value] if isinstance(value, list) else value


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() and value.as_tuple().exponent == 0 else float(value)


def _invalid(problem: str, hint: str | None = None) -> ConfigurationError:
    return ConfigurationError(f"The view cannot be used: {problem}", hint=hint)
