"""Whose record it is."""

from privateshare.sources.contract import JsonObject

UNNAMED = "Health record"


def patient_name(patient: JsonObject) -> str:
    """The person's name as FHIR has it; archives vary, so anything unexpected gives a plain word instead."""
    try:
        name = patient["name"][0]
        words = name.get("text") or " ".join([*name.get("given", []), name.get("family", "")])
        return str(words).strip() or UNNAMED
    except (KeyError, IndexError, AttributeError, TypeError):
        return UNNAMED
