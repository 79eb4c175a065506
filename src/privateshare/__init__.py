"""Private Share: people share their data with apps, for a stated purpose, until they withdraw.

    from privateshare import PrivateShare

    app = PrivateShare("APPLICATION_ID", contract_id="CONTRACT_ID", private_key=open("contract.pem").read())

`__init__.pyi` lists the public names, for type checkers and for this module. A name is imported when it is first used,
so that importing this package is fast.
"""

import ast
from functools import cache
from importlib import import_module

from privateshare.version import VERSION

__version__ = VERSION


@cache
def _modules_by_name() -> dict[str, str]:
    """Return the module that each public name comes from."""
    stub = ast.parse(__loader__.get_data(f"{__file__}i"))
    imports = (node for node in stub.body if isinstance(node, ast.ImportFrom))
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def __getattr__(name: str) -> object:
    if name == "__all__":
        return __dir__()
    if name not in _modules_by_name():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_modules_by_name()[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(_modules_by_name())
