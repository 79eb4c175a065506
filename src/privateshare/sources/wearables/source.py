"""The sources Samsung Health, Oura and Withings."""

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.contract import Brand, Broken, FileMark, Identity, ObjectSchema, Sample, SourceInfo, Upload
from privateshare.sources.export_source import UnnamedReaderSource
from privateshare.sources.wearables.oura import OuraReader
from privateshare.sources.wearables.sample import oura_files, samsung_files, withings_files
from privateshare.sources.wearables.samsung import LOCATIONS, SamsungReader
from privateshare.sources.wearables.withings import WithingsReader


class SamsungHealth(UnnamedReaderSource):
    """Source 9022, service type 9022."""

    def is_skipped(self, path: str) -> bool:
        """Return whether a file is not read: of the JSON, only the routes of exercises are."""
        name = path.lower()
        return not name.endswith(".csv") and not (name.endswith(".json") and LOCATIONS in name)


_NOT_READ = (".pdf", ".txt", ".png", ".jpg")
_SAMSUNG = SourceInfo(
    id=9022,
    service_type=9022,
    service_group=ServiceGroup.HEALTH_FITNESS,
    object_types=(
        ObjectType.ACTIVITY,
        ObjectType.DAILY_ACTIVITY_SUMMARY,
        ObjectType.SLEEP,
        ObjectType.BODY_COMPOSITION_SUMMARY,
        ObjectType.ROUTE,
    ),
    schema=ObjectSchema("digime", "1.0.0"),
    samples=(Sample("default", "A hiker", "A year of an invented person with a phone and a watch."),),
    brand=Brand("#1428a0"),
    upload=Upload(
        accept=".zip,.csv",
        marks=(FileMark(r"\Acom\.samsung\.s?health\."),),
        instructions=(
            "Open Samsung Health on your phone, tap the three dots at the top right, and open Settings.",
            "Tap “Download personal data”, then Download, and confirm with your Samsung account.",
            "The folder “Samsung Health” is in Downloads of your phone. Make a zip of it, and choose the zip here.",
        ),
    ),
)
_OURA = SourceInfo(
    id=9023,
    service_type=9023,
    service_group=ServiceGroup.HEALTH_FITNESS,
    object_types=(ObjectType.ACTIVITY, ObjectType.DAILY_ACTIVITY_SUMMARY, ObjectType.SLEEP),
    schema=ObjectSchema("digime", "1.0.0"),
    samples=(Sample("default", "A sleeper", "A year of an invented person with a ring."),),
    brand=Brand("#3b3a36"),
    upload=Upload(
        accept=".zip,.csv,.json",
        marks=(
            FileMark(r'(?i)"?\b(bedtime[ _]start|equivalent[ _]walking[ _]distance|sleep score)\b'),
            FileMark(r'"(bedtime_start|cal_total|total_calories|start_datetime)"\s*:'),
        ),
        instructions=(
            "Sign in to Oura's Membership Hub at membership.ouraring.com, and open “Export Data”.",
            "Choose “Request your data”. Oura writes to you when the file is ready.",
            "Download the zip file and choose it here as it is. The table of “Trends” of the older website works too.",
        ),
    ),
)
_WITHINGS = SourceInfo(
    id=9024,
    service_type=9024,
    service_group=ServiceGroup.HEALTH_FITNESS,
    object_types=(
        ObjectType.ACTIVITY,
        ObjectType.DAILY_ACTIVITY_SUMMARY,
        ObjectType.SLEEP,
        ObjectType.BODY_COMPOSITION_SUMMARY,
    ),
    schema=ObjectSchema("digime", "1.0.0"),
    samples=(Sample("default", "A weigher", "A year of an invented person with a scale and a tracker."),),
    brand=Brand("#00695c"),
    upload=Upload(
        accept=".zip,.csv",
        marks=(
            # Its headers are in the language of the account, with units that are not.
            FileMark(r'(?i)\A"?[^,;"\n]{2,40}"?,"?[^,;"\n]{2,40} \((kg|lb)\)"?,"?[^,;"\n]{2,40} \((kg|lb)\)'),
            FileMark(r'(?i)\A"?date"?,"?weight \((kg|lb)'),
            FileMark(r'(?i)\A"?[^,;"\n]{1,40}"?,"?[^,;"\n]{1,40}"?(,"?[^,;"\n]{1,40} \(s\)"?){3}'),
            FileMark(r'(?i)\A("?[^,;"\n]{1,40}"?,){7}"?GPS"?,'),
            FileMark(path=r"aggregates_(steps|distance|elevation|calories_\w+)\.csv$"),
        ),
        instructions=(
            "Sign in at app.withings.com, and open Settings of your account.",
            "Choose “Download your data”, and “Start my archive”.",
            "Withings sends you a link. Download the zip file and choose it here as it is.",
        ),
    ),
)

SOURCES = (
    SamsungHealth(
        _SAMSUNG,
        Identity("samsunghealth", "Samsung Health", "USER"),
        Broken("The file holds no data of Samsung Health. Download your personal data in the app again."),
        SamsungReader,
        samsung_files,
    ),
    UnnamedReaderSource(
        _OURA,
        Identity("oura", "Oura", "USER"),
        Broken("The file holds no sleep, activity or workout of Oura. Export your data from Oura again."),
        OuraReader,
        oura_files,
        _NOT_READ,
    ),
    UnnamedReaderSource(
        _WITHINGS,
        Identity("withings", "Withings", "USER"),
        Broken("The file holds no data of Withings. Download your data from Withings again."),
        WithingsReader,
        withings_files,
        (*_NOT_READ, ".json"),
    ),
)
