"""The mapping of the entries of an Instagram export."""

from collections.abc import Iterator
from typing import Any

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.meta.kinds import MetaKind
from privateshare.sources.meta.labels import LabelledEntry, entry_of, is_labelled, is_user_name
from privateshare.sources.meta.mapping import (
    FOLLOWER,
    FOLLOWING,
    comment_object,
    like_object,
    person_object,
    post_objects,
)
from privateshare.sources.meta.messages import old_message, people_of
from privateshare.sources.meta.pictures import created, picture_object, pictures_in
from privateshare.sources.object_building import (
    JsonObject,
    Mapped,
    SourceAccount,
    dict_of,
    exact_moment,
    list_of,
    milliseconds,
    stable_id,
    text_of,
)

# The labels of a profile in the languages of Instagram. Without one of them, the user name is found by its form.
USER_NAME_LABELS = frozenset(
    label.casefold()
    for label in (
        *("Username", "Benutzername", "Gebruikersnaam", "Nom d’utilisateur", "Nom d'utilisateur", "Nom de profil"),
        *("Nombre de usuario", "Nome utente", "Nome de usuário", "Nome de utilizador", "Användarnamn", "Brugernavn"),
        *(
            "Brukernavn",
            "Käyttäjänimi",
            "Käyttäjätunnus",
            "Nazwa użytkownika",
            "Uživatelské jméno",
            "Používateľské meno",
        ),
        *("Felhasználónév", "Nume de utilizator", "Kullanıcı Adı", "Kullanıcı adı", "Имя пользователя"),
        *("Ім’я користувача", "Ім'я користувача", "Όνομα χρήστη", "Korisničko ime", "사용자 이름", "ユーザーネーム"),
        *("用户名", "用戶名稱", "用戶名", "اسم المستخدم", "שם משתמש", "ชื่อผู้ใช้", "Tên người dùng", "Nama pengguna"),
    )
)
NAME_LABELS = frozenset(
    label.casefold()
    for label in (
        *("Name", "Naam", "Nom", "Nombre", "Nome", "Namn", "Navn", "Nimi", "Imię i nazwisko", "Nazwa", "Jméno", "Meno"),
        *(
            "Név",
            "Nume",
            "Adı",
            "Ad",
            "Имя",
            "Ім’я",
            "Ім'я",
            "Όνομα",
            "Ime",
            "이름",
            "名前",
            "姓名",
            "名称",
            "الاسم",
            "שם",
        ),
    )
)
BIO_LABELS = frozenset({"bio", "biografie", "biographie", "biografía", "biografia", "steckbrief", "소개", "自己紹介"})


class InstagramEntries:
    """The entries of one export. The profile is in several files, so it is held back until the end.

    Attributes:
        owners: The user names that the export says are the person's, with the name to show for each.
    """

    def __init__(self, account: SourceAccount) -> None:
        self.owners: dict[str, str] = {}
        self._account = account
        self._profile: JsonObject | None = None
        self._joined: int | None = None

    def objects_of(self, kind: MetaKind, thing: JsonObject) -> Iterator[Mapped]:
        """Yield the objects of an entry, whose texts are repaired.

        Raises:
            ValueError: It has no date or content that can be read.
        """
        if kind is MetaKind.SIGN_UP:
            self._joined = entry_of(thing).moment or self._joined
        elif kind in (MetaKind.PROFILE, MetaKind.OLD_PROFILE):
            self._profile = _profile(kind, thing, self._account)
            self.owners[self._profile["username"]] = self._profile["username"]
        else:
            yield from _objects_of(kind, thing, self._account)

    def rest(self) -> Iterator[Mapped]:
        """Yield what can only be told at the end of the export: the profile."""
        if self._profile is not None:
            joined = {} if self._joined is None else {"createddate": self._joined}
            yield ObjectType.PROFILE, joined | self._profile


def _objects_of(kind: MetaKind, thing: JsonObject, account: SourceAccount) -> Iterator[Mapped]:
    if kind in (MetaKind.POST, MetaKind.STORY):
        yield from _post(thing, account)
    elif kind is MetaKind.PICTURE:
        yield from _pictures(thing, account)
    elif kind is MetaKind.COMMENT:
        yield ObjectType.COMMENT, _comment(thing, account)
    elif kind in _LIKED:
        yield ObjectType.LIKE, _like(entry_of(thing), _LIKED[kind], account)
    elif kind in (MetaKind.FOLLOWER, MetaKind.FOLLOWING):
        relation = FOLLOWER if kind is MetaKind.FOLLOWER else FOLLOWING
        yield ObjectType.SOCIAL_NETWORK_USER, _person(entry_of(thing), relation, account)
    else:
        yield from _old_objects(kind, thing, account)


_LIKED = {
    MetaKind.POST_LIKE: ObjectType.POST,
    MetaKind.COMMENT_LIKE: ObjectType.COMMENT,
    MetaKind.STORY_LIKE: ObjectType.MEDIA,
}


def user_name_of(kind: MetaKind, thing: JsonObject) -> str:
    """Return the user name that a profile says, with repaired texts; empty if it says none."""
    if kind is MetaKind.OLD_PROFILE:
        return text_of(thing.get("username")).lower()
    values = entry_of(thing).values
    named = [value.text for value in values if value.label.casefold() in USER_NAME_LABELS and value.text]
    by_form = [
        value.text
        for value in values
        if is_user_name(value.text) and value.text == value.text.lower() and not value.text.strip("._").isdigit()
    ]
    return next(iter(named + by_form), "").lower()


def _post(thing: JsonObject, account: SourceAccount) -> Iterator[Mapped]:
    pictures = list(pictures_in(thing.get("media"))) or list(pictures_in(thing.get("label_values")))
    if not pictures and text_of(thing.get("uri")):
        pictures = [thing]
    text, link = text_of(thing.get("title")), ""
    moment = milliseconds(thing.get("creation_timestamp"))
    if is_labelled(thing):
        entry = entry_of(thing)
        text, link = next(iter(entry.texts), ""), entry.link
        moment = moment or entry.moment
    if not text and len(pictures) == 1:
        text = text_of(pictures[0].get("title"))
    if not pictures and not text:
        raise ValueError("the post is empty")
    yield from post_objects(account, moment, text, pictures, posturl=link)


def _pictures(thing: JsonObject, account: SourceAccount) -> Iterator[Mapped]:
    found = list(pictures_in(thing))
    if not found or created(found[0]) is None:
        raise ValueError("the picture has no date")
    for picture in found:
        yield ObjectType.MEDIA, picture_object(account, picture, created(found[0]))


def _comment(thing: JsonObject, account: SourceAccount) -> JsonObject:
    entry = entry_of(thing)
    texts = entry.texts
    is_sticker = len(texts) == 1 and any(True for _ in pictures_in(thing.get("media_list_data")))
    text = "" if is_sticker or not texts else texts[0]
    owner = texts[0] if is_sticker else next(iter(texts[1:]), "")
    return comment_object(account, entry.moment, text, owner, link=entry.link)


def _like(entry: LabelledEntry, liked: int, account: SourceAccount) -> JsonObject:
    user_name, full_name = entry.owner()
    return like_object(account, entry, liked, user_name=user_name or entry.title, full_name=full_name)


def _person(entry: LabelledEntry, relation: str, account: SourceAccount) -> JsonObject:
    names = [text for text in entry.texts if is_user_name(text)] or [entry.title]
    if not names[-1] and entry.link:
        names = [entry.link.split("?")[0].rstrip("/").rsplit("/", 1)[-1]]
    return person_object(account, relation, names[-1], entry.moment, entry.link)


def _profile(kind: MetaKind, thing: JsonObject, account: SourceAccount) -> JsonObject:
    user_name = user_name_of(kind, thing)
    if not user_name:
        raise ValueError("the profile has no user name")
    if kind is MetaKind.OLD_PROFILE:
        name, bio = text_of(thing.get("name")), text_of(thing.get("biography"))
        moment = _old_date(thing.get("date_joined"))
    else:
        values, moment = entry_of(thing).values, None
        name = next((value.text for value in values if value.label.casefold() in NAME_LABELS), "")
        bio = next((value.text for value in values if value.label.casefold() in BIO_LABELS), "")
    link = f"https://www.instagram.com/{user_name}/"
    return account.thing("profile", moment, username=user_name, displayname=name, bio=bio, profileurl=link)


def _old_objects(kind: MetaKind, thing: JsonObject, account: SourceAccount) -> Iterator[Mapped]:
    """Yield the objects of an entry in the layout until 2020."""
    if kind is MetaKind.OLD_PICTURE:
        yield from post_objects(account, _old_date(thing.get("taken_at")), text_of(thing.get("caption")), [thing])
    elif kind is MetaKind.OLD_LIKES:
        for name, liked in (("media_likes", ObjectType.POST), ("comment_likes", ObjectType.COMMENT)):
            for moment, texts in _old_rows(thing.get(name)):
                own_id = stable_id("like", liked, moment, *texts)
                fields = {"personusername": texts[-1], "referenceentitytype": liked}
                yield ObjectType.LIKE, account.thing(own_id, moment, **fields)
    elif kind is MetaKind.OLD_COMMENTS:
        for moment, texts in _old_rows(thing.get("media_comments")):
            owner = texts[1] if len(texts) > 1 else ""
            yield ObjectType.COMMENT, comment_object(account, moment, texts[0], owner)
    elif kind is MetaKind.OLD_CONNECTIONS:
        for name, relation in (("followers", FOLLOWER), ("following", FOLLOWING)):
            for user_name, date in dict_of(thing.get(name)).items():
                found = person_object(account, relation, user_name, _old_date(date))
                yield ObjectType.SOCIAL_NETWORK_USER, found
    elif kind is MetaKind.OLD_CONVERSATION:
        people = people_of(thing)
        for one in list_of(thing.get("conversation")):
            if isinstance(one, dict) and (sent := _old_date(one.get("created_at"))) is not None:
                yield ObjectType.MESSAGE, old_message(account, one, sent, people)


def _old_rows(rows: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield the dates and texts of a list of lists, such as `["2019-05-06T10:00:00+00:00", "text", "name"]`."""
    for row in list_of(rows):
        if isinstance(row, list) and len(row) > 1 and (moment := _old_date(row[0])) is not None:
            yield moment, [text_of(text) for text in row[1:]]


def _old_date(value: Any) -> int | None:
    return exact_moment(value) if isinstance(value, str) else None
