"""Modules that are imported when one of their names is first used, so that importing the SDK stays fast."""

from importlib import import_module
from types import ModuleType
from typing import Any


class LazyModule(ModuleType):
    """Stands for a module until one of its names is used.

    Type checkers see an ordinary import in a block `if TYPE_CHECKING`, and this class is in its `else`. Unlike a name
    that is imported for type checkers only, `typing.get_type_hints` can resolve it.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self.__name__), name)


def load(module: ModuleType) -> None:
    """Import a lazy module now."""
    import_module(module.__name__)
