"""Objects of service group 1, social."""

from typing import ClassVar

from privateshare.objects.model import DataObject, Moment
from privateshare.objects.parts import Link, Resource
from privateshare.protocol.catalogue import ObjectType


class Authored(DataObject):
    """The common fields of posts, comments and media: the author, and the number of comments and likes."""

    base_id: str | None = None
    social_network_user_entity_id: str | None = None
    person_entity_id: str | None = None
    person_full_name: str | None = None
    person_user_name: str | None = None
    person_file_url: str | None = None
    comment_count: int | None = None
    like_count: int | None = None
    reference_entity_id: str | None = None
    reference_entity_type: int | None = None


class Media(Authored):
    """A picture (`type` 0) or a video (`type` 1)."""

    object_type: ClassVar[ObjectType] = ObjectType.MEDIA

    id: str | None = None
    media_id: str | None = None
    media_object_id: str | None = None
    media_album_name: str | None = None
    media_album_entity_id: str | None = None
    name: str | None = None
    description: str | None = None
    link: str | None = None
    type: int | None = None
    tag_count: int | None = None
    tagged_people_count: int | None = None
    interest_score: float | None = None
    filter: str | None = None
    display_short_url: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    image_file_url: str | None = None
    video_file_url: str | None = None
    post_entity_id: str | None = None
    comment_entity_id: str | None = None
    resources: tuple[Resource, ...] = ()


class Post(Authored):
    """A post; `type` is a number for its kind."""

    object_type: ClassVar[ObjectType] = ObjectType.POST

    id: str | None = None
    post_id: str | None = None
    post_entity_id: str | None = None
    post_url: str | None = None
    community: str | None = None
    title: str | None = None
    text: str | None = None
    raw_text: str | None = None
    description: str | None = None
    type: int | None = None
    source: str | None = None
    annotation: str | None = None
    visibility: str | None = None
    share_count: int | None = None
    favourite_count: int | None = None
    view_count: int | None = None
    post_reply_count: int | None = None
    is_commentable: bool | None = None
    is_favourited: bool | None = None
    is_likeable: bool | None = None
    is_likes: bool | None = None
    is_shared: bool | None = None
    is_truncated: bool | None = None
    latitude: float | None = None
    longitude: float | None = None
    original_post_id: str | None = None
    original_post_url: str | None = None
    original_cross_post_id: str | None = None
    links: tuple[Link, ...] = ()


class Comment(Authored):
    """A comment; `reference_entity_id` is the id of the post that it belongs to, `reference_user_name` its author."""

    object_type: ClassVar[ObjectType] = ObjectType.COMMENT

    id: str | None = None
    comment_id: str | None = None
    comment_reply_id: str | None = None
    title: str | None = None
    text: str | None = None
    reference_user_name: str | None = None
    reference_url: str | None = None
    community: str | None = None
    link: str | None = None
    privacy: str | None = None
    app_id: str | None = None


class Like(DataObject):
    """A like or another reaction to something, such as a post.

    `reference_entity_type` is the object type of what is liked, such as 2 for a post and 7 for a comment. The `person_`
    fields are about the person whose post or comment it is.
    """

    object_type: ClassVar[ObjectType] = ObjectType.LIKE

    id: str | None = None
    reaction: str | None = None
    title: str | None = None
    text: str | None = None
    link: str | None = None
    person_full_name: str | None = None
    person_user_name: str | None = None
    reference_entity_id: str | None = None
    reference_entity_type: int | None = None


class SocialNetworkUser(DataObject):
    """Another person on a social network. `relation` is follower, following, friend or contact."""

    object_type: ClassVar[ObjectType] = ObjectType.SOCIAL_NETWORK_USER

    id: str | None = None
    relation: str | None = None
    user_name: str | None = None
    display_name: str | None = None
    profile_url: str | None = None
    job_title: str | None = None
    organization: str | None = None
    email: str | None = None
    note: str | None = None


class Attachment(DataObject):
    """A file that was sent with a message. `uri` is its path in the export, or its address; `size` is in bytes."""

    name: str | None = None
    uri: str | None = None
    mimetype: str | None = None
    size: int | None = None


class MessageReaction(DataObject):
    """A reaction to a message, such as an emoji, and who gave it."""

    reaction: str | None = None
    name: str | None = None


class Message(DataObject):
    """A message of a conversation, in terms of schema.org's Message."""

    object_type: ClassVar[ObjectType] = ObjectType.MESSAGE

    id: str | None = None
    conversation_id: str | None = None
    conversation_name: str | None = None
    sender_name: str | None = None
    recipient_names: tuple[str, ...] = ()
    text: str | None = None
    link: str | None = None
    attachments: tuple[Attachment, ...] = ()
    reactions: tuple[MessageReaction, ...] = ()


class AssistantMessage(DataObject):
    """A message of a conversation with an assistant. `role` is user or assistant; `model` is the assistant's."""

    object_type: ClassVar[ObjectType] = ObjectType.ASSISTANT_MESSAGE

    id: str | None = None
    conversation_id: str | None = None
    conversation_name: str | None = None
    role: str | None = None
    text: str | None = None
    model: str | None = None
    attachments: tuple[Attachment, ...] = ()


class MediaAlbum(DataObject):
    """An album of media."""

    object_type: ClassVar[ObjectType] = ObjectType.MEDIA_ALBUM

    id: str | None = None
    base_id: str | None = None
    media_album_id: str | None = None
    media_album_object_id: str | None = None
    social_network_user_entity_id: str | None = None
    media_entity_id: str | None = None
    name: str | None = None
    description: str | None = None
    item_count: int | None = None
    link: str | None = None
    location: str | None = None
    location_entity_id: str | None = None


class Profile(DataObject):
    """A person's profile on a social network."""

    object_type: ClassVar[ObjectType] = ObjectType.PROFILE

    id: str | None = None
    person_entity_id: str | None = None
    profile_id: str | None = None
    profile_url: str | None = None
    profile_protected: bool | None = None
    user_name: str | None = None
    display_name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    bio: str | None = None
    additional_url: str | None = None
    locale: str | None = None
    timezone: str | None = None
    is_verified: bool | None = None
    post_count: int | None = None
    followers_count: int | None = None
    following_count: int | None = None
    reference_entity_id: str | None = None
    reference_entity_type: int | None = None
    social_network_user_entity_id: str | None = None


class MailAddress(DataObject):
    """A person's name and mail address."""

    name: str | None = None
    address: str | None = None


class Mail(DataObject):
    """A mail of a mailbox, with the fields of RFC 5322. `labels` has flags too, such as read."""

    object_type: ClassVar[ObjectType] = ObjectType.MAIL

    id: str | None = None
    message_id: str | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    subject: str | None = None
    sender: MailAddress | None = None
    recipients: tuple[MailAddress, ...] = ()
    copied: tuple[MailAddress, ...] = ()
    blind_copied: tuple[MailAddress, ...] = ()
    text: str | None = None
    folder: str | None = None
    labels: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    size: int | None = None
    is_truncated: bool | None = None
    list_id: str | None = None
    thread_id: str | None = None


class Attendee(MailAddress):
    """A person who is invited to an event. `status` is the answer, such as accepted."""

    status: str | None = None


class CalendarEvent(DataObject):
    """An event or task of a calendar, with the fields of iCalendar. `created_date` is when it begins."""

    object_type: ClassVar[ObjectType] = ObjectType.EVENT

    id: str | None = None
    end_date: Moment | None = None
    is_all_day: bool | None = None
    timezone: str | None = None
    kind: str | None = None
    title: str | None = None
    description: str | None = None
    location: str | None = None
    link: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    calendar_name: str | None = None
    status: str | None = None
    recurrence: str | None = None
    recurrence_id: str | None = None
    categories: tuple[str, ...] = ()
    organizer: MailAddress | None = None
    attendees: tuple[Attendee, ...] = ()
    uid: str | None = None
    start: str | None = None
    end: str | None = None
    recurrence_dates: tuple[str, ...] = ()
    recurrence_exceptions: tuple[str, ...] = ()
    transparency: str | None = None
    classification: str | None = None


class ContactPoint(DataObject):
    """An address or number of a contact; `type` is what it is for, such as home."""

    type: str | None = None
    value: str | None = None


class Contact(DataObject):
    """A person or organization of an address book, with the fields of vCard. `birthday` is YYYY-MM-DD or --MM-DD.

    It has no date, so that it is in every time range. `revision` says when it was last changed.
    """

    object_type: ClassVar[ObjectType] = ObjectType.CONTACT

    id: str | None = None
    name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    nickname: str | None = None
    organization: str | None = None
    job_title: str | None = None
    birthday: str | None = None
    emails: tuple[ContactPoint, ...] = ()
    phones: tuple[ContactPoint, ...] = ()
    addresses: tuple[ContactPoint, ...] = ()
    links: tuple[ContactPoint, ...] = ()
    note: str | None = None
    groups: tuple[str, ...] = ()
    address_book_name: str | None = None
    middle_name: str | None = None
    name_prefix: str | None = None
    name_suffix: str | None = None
    department: str | None = None
    revision: Moment | None = None


class NoteItem(DataObject):
    """An entry of a list in a note."""

    text: str | None = None
    is_done: bool | None = None


class Note(DataObject):
    """A note that the person wrote."""

    object_type: ClassVar[ObjectType] = ObjectType.NOTE

    id: str | None = None
    title: str | None = None
    text: str | None = None
    items: tuple[NoteItem, ...] = ()
    labels: tuple[str, ...] = ()
    is_archived: bool | None = None
    is_pinned: bool | None = None
    is_trashed: bool | None = None
    link: str | None = None
    attachments: tuple[Attachment, ...] = ()
