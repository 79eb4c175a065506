"""Parts of objects that several service groups share."""

from privateshare.objects.model import DataObject


class Resource(DataObject):
    """A media file of an object. `type` is 0 for an image, 1 for a video, 2 for music. Sizes are in pixels."""

    url: str | None = None
    mimetype: str | None = None
    type: int | None = None
    width: int | None = None
    height: int | None = None
    resize: str | None = None
    bitrate: float | None = None
    duration: float | None = None


class Link(DataObject):
    """A link in a post."""

    link: str | None = None
    title: str | None = None
    subtitle: str | None = None
    resources: tuple[Resource, ...] = ()


class HeartRateZone(DataObject):
    """The time that the heart rate was in a range. `calories_out` is in kilocalories."""

    name: str | None = None
    min: float | None = None
    max: float | None = None
    minutes: float | None = None
    calories_out: float | None = None
