"""What every source must declare, checked without reading data: the declared part of `contract.py`."""

import re
from collections.abc import Iterator
from typing import Any

from privateshare.protocol.catalogue import Catalogue
from privateshare.sources.contract import PushSource, SignInSource, SourceInfo

MIN_STEPS = 2
COLOUR = re.compile(r"#[0-9a-f]{6}")
STANDARDS = ("digime", "fhir")


def check_source(source: Any, known: Catalogue) -> None:
    """Check what a source declares.

    Raises:
        ValueError: It does not keep the contract; the text says all that is wrong.
    """
    info = getattr(source, "info", None)
    if not isinstance(info, SourceInfo):
        raise ValueError(f"{type(source).__name__} has no info, which must be a SourceInfo")
    wrong = [*_catalogue_faults(info, known), *_method_faults(source, info), *_text_faults(info)]
    if wrong:
        raise ValueError(f"source {info.id}: {'; '.join(wrong)}")


def _catalogue_faults(info: SourceInfo, known: Catalogue) -> Iterator[str]:
    listed, service = known.sources.get(info.id), known.service_types.get(info.service_type)
    if listed is None:
        yield "it is not in the catalogue"
    elif listed.service_type != info.service_type:
        yield f"its service type is {info.service_type}, and {listed.service_type} in the catalogue"
    elif info.service_group not in listed.groups:
        yield f"its service group {info.service_group} is not in the catalogue's groups of it"
    if service is None:
        yield f"there is no service type {info.service_type}"
    elif service.group != info.service_group:
        yield f"the service type {info.service_type} is of another service group"
    if not info.object_types or len(set(info.object_types)) < len(info.object_types):
        yield "object_types must be a list without repetition"
    for object_type in info.object_types:
        entry = known.object_types.get(object_type)
        if entry is None:
            yield f"there is no object type {object_type}"
        elif entry.group != info.service_group:
            yield (
                f"the object type {object_type} is of the service group {entry.group}, and the source of "
                f"{int(info.service_group)}; both must be the same, also in registration.json"
            )


def _method_faults(source: Any, info: SourceInfo) -> Iterator[str]:
    yield from (f"it has no method {name}" for name in ("identify", "fetch") if not callable(getattr(source, name, 0)))
    if info.signs_in and not isinstance(source, SignInSource):
        yield "signs_in is true, and it has no method sign_in"
    if info.takes and not isinstance(source, PushSource):
        yield "takes names standards, and it has no method push"
    if info.schema.standard not in STANDARDS:
        yield f"the standard of schema must be one of {', '.join(STANDARDS)}"


def _text_faults(info: SourceInfo) -> Iterator[str]:
    if not info.samples and not info.has_own_data:
        yield "nobody can connect it: it has no samples, no upload and no sign-in"
    for sample in info.samples:
        if not sample.name or not sample.description.endswith("."):
            yield f"the sample {sample.id} must have a name, and a description that ends with a full stop"
    if len({sample.id for sample in info.samples}) < len(info.samples):
        yield "two samples have the same id"
    if info.upload is not None:
        if not all(ending.startswith(".") for ending in info.upload.accept.split(",")):
            yield "upload.accept must be endings such as .zip,.json"
        if len(info.upload.instructions) < MIN_STEPS or not all(s.endswith(".") for s in info.upload.instructions):
            yield f"upload.instructions must be at least {MIN_STEPS} steps that end with a full stop"
    if info.brand is not None and not COLOUR.fullmatch(info.brand.colour):
        yield "the colour of brand must be written as #rrggbb"
