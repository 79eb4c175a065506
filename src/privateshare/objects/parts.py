"""Parts that objects of several groups have."""

from privateshare.objects.model import DataObject


class Resource(DataObject):
    """A picture or a film of an object. `type` is 0 for an image, 1 for a video, 2 for music; sizes in pixels."""

    url: str | None = None
    mimetype: str | None = None
    type: int | None = None
    width: int | None = None
    height: int | None = None
    resize: str | None = None
    bitrate: float | None = None
    duration: float | None = None


class Link(DataObject):
    """A link that is part of a post."""

    link: str | None = None
    title: str | None = None
    subtitle: str | None = None
    resources: tuple[Resource, ...] = ()


class HeartRateZone(DataObject):
    """How long the heart beat in a range. `caloriesout` are kilocalories."""

    name: str | None = None
    min: float | None = None
    max: float | None = None
    minutes: float | None = None
    calories_out: float | None = None
