"""The OAuth scopes that are requested of a FHIR server. SMART App Launch, versions 1 and 2."""

from collections.abc import Iterable, Sequence

from privateshare.sources.fhir_server.granted_scopes import readable_type
from privateshare.sources.health_provider.discovery import SmartServer

LAUNCH = "launch/patient openid fhirUser offline_access"


def wanted_scope(server: SmartServer, types: Iterable[str]) -> str:
    """Return the scope to request: reading all of these types, in the form that the server knows.

    A server that names its scopes rejects some requests for others, so only those that it names are requested.
    """
    named = server.scopes
    launch = " ".join(one for one in LAUNCH.split() if not named or one in named or one == "launch/patient")
    for all_types in ("patient/*.rs", "patient/*.read", "patient/*.*"):
        if all_types in named:
            return f"{launch} {all_types}"
    wanted = set(types)
    single = sorted(scope for scope in named if (kind := readable_type(scope)) is not None and kind[0] in wanted)
    if single:
        return f"{launch} {' '.join(_preferred(single))}"
    is_second = "permission-v2" in server.capabilities and "permission-v1" not in server.capabilities
    return f"{launch} {'patient/*.rs' if is_second else 'patient/*.read'}"


def _preferred(scopes: Sequence[str]) -> Sequence[str]:
    """Leave out scopes of the first version, and those of categories, where a wider one of the second is named too."""
    whole = {scope.partition(".")[0] for scope in scopes if scope.endswith((".rs", ".s"))}
    return [scope for scope in scopes if scope.partition(".")[0] not in whole or scope.endswith((".rs", ".s"))]
