"""The English names of sports that Strava's tables have in the language of the account."""

from collections.abc import Mapping

from privateshare.sources.workouts.recording import sport_name

_NAMES: Mapping[str, tuple[str, ...]] = {
    "Run": ("lauf", "laufen", "course à pied", "course", "hardlopen", "hardloopsessie", "carrera", "corsa", "corrida"),
    "Trail run": ("trailrun", "trail", "traillauf", "carrera de montaña", "corsa in montagna"),
    "Ride": (
        "radfahrt",
        "fahrt",
        "vélo",
        "sortie à vélo",
        "fietsrit",
        "rit",
        "bicicleta",
        "vuelta",
        "giro",
        "pedalada",
    ),
    "Mountain bike ride": ("mountainbike-fahrt", "vtt", "mountainbikerit", "ciclismo de montaña"),
    "Virtual ride": (
        "virtuelle radfahrt",
        "virtuelle fahrt",
        "sortie à vélo virtuelle",
        "virtuele rit",
        "virtuele fietsrit",
    ),
    "Walk": ("spaziergang", "marche", "wandeling", "caminata", "camminata", "caminhada"),
    "Hike": ("wanderung", "randonnée", "hike", "senderismo", "escursione", "trilha"),
    "Swim": ("schwimmen", "natation", "zwemmen", "natación", "nuotata", "natação"),
    "Weight training": ("krafttraining", "musculation", "krachttraining", "entrenamiento con pesas"),
    "Workout": ("training", "entraînement", "entrenamiento", "allenamento", "treino"),
    "Alpine ski": ("ski alpin", "skiën", "esquí alpino", "sci alpino"),
    "Nordic ski": ("skilanglauf", "ski de fond", "langlaufen", "esquí de fondo"),
    "Rowing": ("rudern", "aviron", "roeien", "remo", "canottaggio"),
}
_ENGLISH = {foreign: name for name, words in _NAMES.items() for foreign in words}


def english_name(kind: str) -> str:
    """Return the English name of a sport, or the text as it is if it is not known."""
    return _ENGLISH.get(kind.casefold().strip()) or sport_name(kind)
