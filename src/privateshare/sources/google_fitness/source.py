"""The sources Fitbit and Google Fit: samples, or what a person exports."""

from privateshare.protocol.catalogue import ObjectType, ServiceGroup, ServiceType
from privateshare.sources.contract import Brand, Broken, FileMark, Identity, ObjectSchema, Sample, SourceInfo, Upload
from privateshare.sources.export_source import UnnamedReaderSource
from privateshare.sources.google_fitness.fit import FitReader
from privateshare.sources.google_fitness.fitbit import FitbitReader
from privateshare.sources.google_fitness.sample import fit_files, fitbit_files

_NOT_READ = (".jpg", ".jpeg", ".png", ".pdf", ".txt", ".html", ".tcx", ".gpx", ".md", ".xls")
_FITBIT = SourceInfo(
    id=15,
    service_type=ServiceType.FITBIT,
    service_group=ServiceGroup.HEALTH_FITNESS,
    object_types=(
        ObjectType.DAILY_ACTIVITY_SUMMARY,
        ObjectType.SLEEP,
        ObjectType.ACTIVITY,
        ObjectType.BODY_COMPOSITION_SUMMARY,
        ObjectType.ACHIEVEMENT,
    ),
    schema=ObjectSchema("digime", "1.0.0"),
    samples=(Sample("default", "A walker", "A year of days, nights and walks of an invented person."),),
    brand=Brand("#00b0b9"),
    upload=Upload(
        accept=".zip,.json,.csv",
        marks=(
            FileMark(r'"(dateOfSleep|activityTypeId|badgeType)"\s*:'),
            FileMark(r'"logId"\s*:\s*\d+\s*,\s*"weight"'),
            FileMark(r"Minutes Very Active|\Atimestamp,steps,|\Asleep_id,.*sleep_start|\Aexercise_id,exercise_start"),
            FileMark(r"\Atimestamp,(weight grams|beats per minute|distance|light,moderate,very),data source"),
            FileMark(
                r'"dateTime"\s*:\s*"\d\d/\d\d/\d\d ',
                r"(^|/)(steps|calories|distance|resting_heart_rate|heart_rate|[a-z]+_active_minutes)-\d",
            ),
        ),
        instructions=(
            "Open takeout.google.com, choose “Deselect all”, and then only “Fitbit”.",
            "Create the export, and download the zip files when Google writes to you.",
            "Upload them here one after the other. Older exports from fitbit.com are read too.",
        ),
    ),
)
_GOOGLE_FIT = SourceInfo(
    id=284,
    service_type=ServiceType.GOOGLE_FIT,
    service_group=ServiceGroup.HEALTH_FITNESS,
    object_types=(
        ObjectType.DAILY_ACTIVITY_SUMMARY,
        ObjectType.ACTIVITY,
        ObjectType.SLEEP,
        ObjectType.BODY_COMPOSITION_SUMMARY,
    ),
    schema=ObjectSchema("digime", "1.0.0"),
    samples=(Sample("default", "A walker", "A year of days, nights and walks of an invented person."),),
    brand=Brand("#ea4335"),
    upload=Upload(
        accept=".zip,.json,.csv",
        marks=(
            FileMark(r'"(fitnessActivity|fitValue)"\s*:'),
            FileMark(r"\A[^\r\n]*\(kcal\)[^\r\n]*\(m\)[^\r\n]*\(m/s\)|\A[^\r\n]*Move Minutes count"),
        ),
        instructions=(
            "Open takeout.google.com, choose “Deselect all”, and then only “Fit”.",
            "Create the export, and download the zip files when Google writes to you.",
            "Upload them here one after the other.",
        ),
    ),
)

SOURCES = (
    UnnamedReaderSource(
        _FITBIT,
        Identity("fitbit", "Fitbit", "USER"),
        Broken("The file holds no data of Fitbit. Export Fitbit with Google Takeout, and upload the zip file."),
        FitbitReader,
        fitbit_files,
        _NOT_READ,
    ),
    UnnamedReaderSource(
        _GOOGLE_FIT,
        Identity("googlefit", "Google Fit", "USER"),
        Broken("The file holds no data of Google Fit. Export Fit with Google Takeout, and upload the zip file."),
        FitReader,
        fit_files,
        _NOT_READ,
    ),
)
