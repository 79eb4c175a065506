"""Conversion from the units that people chose in the Health app to the units of objects."""

from collections.abc import Mapping

KILOMETRES: Mapping[str, float] = {"km": 1.0, "m": 0.001, "mi": 1.609344, "yd": 0.0009144, "ft": 0.0003048, "cm": 1e-5}
METRES: Mapping[str, float] = {unit: factor * 1000 for unit, factor in KILOMETRES.items()} | {"in": 0.0254}
KILOCALORIES: Mapping[str, float] = {"kcal": 1.0, "Cal": 1.0, "kJ": 1 / 4.184, "cal": 0.001, "J": 1 / 4184}
MINUTES: Mapping[str, float] = {"min": 1.0, "s": 1 / 60, "sec": 1 / 60, "hr": 60.0, "h": 60.0, "ms": 1 / 60_000}
KILOGRAMS: Mapping[str, float] = {"kg": 1.0, "g": 0.001, "lb": 0.45359237, "st": 6.35029318, "oz": 0.028349523125}
KILOMETRES_PER_HOUR: Mapping[str, float] = {"km/hr": 1.0, "km/h": 1.0, "m/s": 3.6, "mi/hr": 1.609344, "mph": 1.609344}
COUNT: Mapping[str, float] = {"count": 1.0, "": 1.0}
PER_MINUTE: Mapping[str, float] = {"count/min": 1.0, "bpm": 1.0, "count/s": 60.0}
PERCENT: Mapping[str, float] = {"%": 100.0, "": 100.0}
MAX_NUMBER = 1e9
FRACTION_LIMIT = 1.5  # Apple writes 97 % as 0.97, but some apps write 97.


def converted(value: str, unit: str, factors: Mapping[str, float]) -> float:
    """Convert a value.

    Raises:
        ValueError: It is no number, larger than anything that is measured, or in a unit that is not known.
    """
    factor = factors.get(unit)
    if factor is None:
        raise ValueError("an unknown unit")
    number = float(value) * factor
    if not -MAX_NUMBER <= number <= MAX_NUMBER:
        raise ValueError("no number, or a value that nobody reaches")
    return number


def amount(value: str, unit: str, factors: Mapping[str, float]) -> float:
    """Convert a value that is never negative, such as a distance.

    Raises:
        ValueError: It is negative, no number, larger than anything that is measured, or in a unit that is not known.
    """
    number = converted(value, unit, factors)
    if number < 0:
        raise ValueError("less than nothing")
    return number


def quantity(text: str, factors: Mapping[str, float]) -> float:
    """Convert a value that stands with its unit, such as "1234 cm".

    Raises:
        ValueError: It is negative, no number, or in a unit that is not known.
    """
    value, _, unit = text.strip().partition(" ")
    return amount(value, unit, factors)


def percentage(value: str, unit: str) -> float:
    """Convert a share, which is written as a fraction or in percent.

    Raises:
        ValueError: It is none, or in a unit that is not known.
    """
    percent = converted(value, unit, PERCENT)
    percent = percent / 100 if percent > 100 * FRACTION_LIMIT else percent
    if not 0 <= percent <= 100:
        raise ValueError("no share")
    return percent
