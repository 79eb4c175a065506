"""Vital signs as FHIR R4 Observations, with the codes that FHIR's own profiles for vital signs ask for."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from privateshare.sources.apple_health.clock import Clock
from privateshare.sources.apple_health.devices import device_of
from privateshare.sources.apple_health.reader import QUANTITY, Attributes
from privateshare.sources.apple_health.units import METRES, PER_MINUTE, PERCENT, converted, percentage

LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"
VITAL_SIGNS, LABORATORY = "vital-signs", "laboratory"
CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"
SYSTOLIC, DIASTOLIC = f"{QUANTITY}BloodPressureSystolic", f"{QUANTITY}BloodPressureDiastolic"
MAX_WAITING = 10_000  # Blood pressures of which only one of the two values has been read.


@dataclass(frozen=True, slots=True)
class Measure:
    """The mapping of a type of record to an observation. `factors` convert Apple's units to `unit`."""

    code: str
    name: str
    unit: str
    factors: Mapping[str, float]
    category: str = VITAL_SIGNS
    offset: Mapping[str, float] | None = None


_MILLIMOLES = {"mmol<180.1558800000541>/L": 18.01559, "mmol/L": 18.01559, "mg/dL": 1.0}
MEASURES: Mapping[str, Measure] = {
    f"{QUANTITY}HeartRate": Measure("8867-4", "Heart rate", "/min", PER_MINUTE),
    f"{QUANTITY}RestingHeartRate": Measure("40443-4", "Heart rate --resting", "/min", PER_MINUTE),
    f"{QUANTITY}RespiratoryRate": Measure("9279-1", "Respiratory rate", "/min", PER_MINUTE),
    f"{QUANTITY}OxygenSaturation": Measure("59408-5", "Oxygen saturation by pulse oximetry", "%", PERCENT),
    f"{QUANTITY}HeartRateVariabilitySDNN": Measure("80404-7", "R-R interval.standard deviation", "ms", {"ms": 1.0}),
    f"{QUANTITY}BodyTemperature": Measure(
        "8310-5", "Body temperature", "Cel", {"degC": 1.0, "degF": 5 / 9, "K": 1.0}, offset={"degF": -32, "K": -273.15}
    ),
    f"{QUANTITY}Height": Measure("8302-2", "Body height", "cm", {unit: 100 * f for unit, f in METRES.items()}),
    f"{QUANTITY}BloodGlucose": Measure(
        "2339-0", "Glucose [Mass/volume] in Blood", "mg/dL", _MILLIMOLES, category=LABORATORY
    ),
    f"{QUANTITY}VO2Max": Measure(
        "60842-2", "Oxygen consumption (VO2)", "mL/min/kg", {"mL/min·kg": 1.0, "mL/(kg·min)": 1.0, "mL/kg·min": 1.0}
    ),
}


class Observations:
    """Maps records as they come, and puts the two values of each blood pressure together."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ready: list[dict[str, Any]] = []
        self._pressures: dict[tuple[str, str, str], dict[str, float]] = {}

    def handlers(self) -> dict[str, Callable[[Attributes], None]]:
        """Return what is to be called for each type of record."""
        found = {kind: self._adder(measure) for kind, measure in MEASURES.items()}
        return found | {SYSTOLIC: self._add_pressure, DIASTOLIC: self._add_pressure}

    def _adder(self, measure: Measure) -> Callable[[Attributes], None]:
        def add(record: Attributes) -> None:
            self._ready.append(_observation(record, measure, self._clock))

        return add

    def _add_pressure(self, record: Attributes) -> None:
        key = (record["startDate"], record["endDate"], record.get("sourceName", ""))
        self._clock.seconds(key[0])
        pressure = self._pressures.setdefault(key, {})
        pressure[record["type"]] = converted(record["value"], record.get("unit", ""), {"mmHg": 1.0, "kPa": 7.50062})
        if len(pressure) == 2 or len(self._pressures) > MAX_WAITING:
            self._ready.append(_blood_pressure(key, self._pressures.pop(key), self._clock))

    def take(self) -> Iterator[dict[str, Any]]:
        """Yield what was mapped since the last call."""
        ready, self._ready = self._ready, []
        return iter(ready)

    def close(self) -> None:
        """Map blood pressures of which only one value is there."""
        for key, pressure in self._pressures.items():
            self._ready.append(_blood_pressure(key, pressure, self._clock))
        self._pressures.clear()


def _observation(record: Attributes, measure: Measure, clock: Clock) -> dict[str, Any]:
    unit = record.get("unit", "")
    if measure.factors is PERCENT:
        value = percentage(record["value"], unit)
    else:
        value = float(record["value"]) + (measure.offset or {}).get(unit, 0.0)
        value = converted(repr(value), unit, measure.factors)
    found = _base(record["startDate"], record["endDate"], clock, measure.code, measure.name, measure.category)
    found["valueQuantity"] = _quantity(value, measure.unit)
    found["device"] = {"display": _display(record)}
    return _identified(found, record.get("sourceName", ""), clock.seconds(record["startDate"]))


def _blood_pressure(key: tuple[str, str, str], pressure: Mapping[str, float], clock: Clock) -> dict[str, Any]:
    start, end, source = key
    found = _base(start, end, clock, "85354-9", "Blood pressure panel", VITAL_SIGNS)
    found["component"] = [
        {"code": _concept(code, name), "valueQuantity": _quantity(pressure[kind], "mm[Hg]")}
        for kind, code, name in (
            (SYSTOLIC, "8480-6", "Systolic blood pressure"),
            (DIASTOLIC, "8462-4", "Diastolic blood pressure"),
        )
        if kind in pressure
    ]
    found["device"] = {"display": source}
    return _identified(found, source, clock.seconds(start))


def _base(start: str, end: str, clock: Clock, code: str, name: str, category: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": CATEGORIES, "code": category}]}],
        "code": _concept(code, name),
    }
    if clock.seconds(start) == clock.seconds(end):
        return found | {"effectiveDateTime": fhir_moment(start)}
    return found | {"effectivePeriod": {"start": fhir_moment(start), "end": fhir_moment(end)}}


def fhir_moment(text: str) -> str:
    """Return one of Apple's dates as FHIR writes them."""
    return f"{text[:10]}T{text[11:19]}{text[20:23]}:{text[23:25]}"


def _concept(code: str, name: str) -> dict[str, Any]:
    return {"coding": [{"system": LOINC, "code": code, "display": name}], "text": name}


def _quantity(value: float, unit: str) -> dict[str, Any]:
    return {"value": round(value, 3), "unit": unit, "system": UCUM, "code": unit}


def _display(record: Attributes) -> str:
    device = device_of(record.get("sourceName", ""), record.get("device"))
    return f"{device.name} ({device.hardware})" if device.hardware else device.name


def _identified(observation: dict[str, Any], source: str, start: int) -> dict[str, Any]:
    """Return an observation an id that every export gives it, whatever zone its phone was in."""
    code = observation["code"]["coding"][0]["code"]
    told = f"{code}|{start}|{source}|{observation.get('valueQuantity')}|{observation.get('component')}"
    return {"resourceType": "Observation", "id": sha256(told.encode()).hexdigest()[:32], **observation}
