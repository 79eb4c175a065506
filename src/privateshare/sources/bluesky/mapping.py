"""The mapping of records of the AT Protocol (lexicons app.bsky) to objects of schema digime, for both ways."""

from base64 import b32decode

from privateshare.sources.json_api.values import count_of, moment_of, required_moment, required_text
from privateshare.sources.object_building import JsonObject, SourceAccount, dict_of, list_of, stable_id, text_of

POST = 2
SITE = "https://bsky.app/profile"


def post(record: JsonObject, own_id: str, account: SourceAccount, address: str = "") -> JsonObject:
    """Map a record of a post. Its address is known if the API provides it."""
    external = dict_of(dict_of(record.get("embed")).get("external"))
    features = (
        dict_of(feature)
        for facet in list_of(record.get("facets"))
        for feature in list_of(dict_of(facet).get("features"))
    )
    addresses = [text_of(external.get("uri")), *(text_of(feature.get("uri")) for feature in features)]
    title = text_of(external.get("title"))
    links: list[JsonObject] = [{"link": link} for link in dict.fromkeys(filter(None, addresses))]
    if links and title and links[0]["link"] == addresses[0]:
        links[0]["title"] = title
    return account.thing(
        own_id,
        _moment(record),
        text=text_of(record.get("text")),
        posturl=web_address(address) if address else "",
        links=links,
        referenceentityid=text_of(dict_of(dict_of(record.get("reply")).get("parent")).get("uri")),
    )


def repost(record: JsonObject, own_id: str, account: SourceAccount) -> JsonObject:
    """Map a record of a post that the person shared."""
    shared = _subject(record)
    links = [{"link": web_address(shared)}]
    return account.thing(own_id, _moment(record), links=links, referenceentityid=shared, isshared=True)


def like(record: JsonObject, own_id: str, account: SourceAccount) -> JsonObject:
    """Map a record of a like."""
    liked = _subject(record)
    return account.thing(
        own_id,
        _moment(record),
        reaction="like",
        link=web_address(liked),
        referenceentityid=liked,
        referenceentitytype=POST,
    )


def posted(entry: JsonObject, account: SourceAccount) -> JsonObject:
    """Map a post as the API lists it."""
    return post(dict_of(entry.get("value")), listed_id(entry), account, uri_of(entry))


def shared(entry: JsonObject, account: SourceAccount) -> JsonObject:
    """Map a repost as the API lists it."""
    return repost(dict_of(entry.get("value")), listed_id(entry), account)


def liked(entry: JsonObject, account: SourceAccount) -> JsonObject:
    """Map a like as the API lists it."""
    return like(dict_of(entry.get("value")), listed_id(entry), account)


def record_id(cid: bytes) -> str:
    """Return the id of a record, made of the hash by which the repository knows it: all ways to it have that."""
    return stable_id(cid.hex())


def listed_id(entry: JsonObject) -> str:
    """Return the id of a record that the API lists. Raises ValueError if its hash cannot be read."""
    written = required_text(entry.get("cid"))
    if not written.startswith("b"):  # The prefix of base 32 in lower case.
        raise ValueError("the hash of the record cannot be read")
    digits = written[1:].upper()
    return record_id(b32decode(digits + "=" * (-len(digits) % 8)))


def person(other: JsonObject, account: SourceAccount, relation: str) -> JsonObject:
    """Map somebody who follows the person, or whom they follow."""
    own_id = required_text(other.get("did"))
    return account.thing(
        f"{relation}_{own_id}",
        None,
        relation=relation,
        username=text_of(other.get("handle")),
        displayname=text_of(other.get("displayName")),
        profileurl=f"{SITE}/{own_id}",
    )


def profile(about: JsonObject, account: SourceAccount) -> JsonObject:
    """Map the person's own account."""
    return account.thing(
        "profile",
        moment_of(about.get("createdAt")),
        username=required_text(about.get("handle")),
        displayname=text_of(about.get("displayName")),
        bio=text_of(about.get("description")),
        profileurl=f"{SITE}/{text_of(about.get('did'))}",
        postcount=count_of(about.get("postsCount")),
        followerscount=count_of(about.get("followersCount")),
        followingcount=count_of(about.get("followsCount")),
    )


def web_address(uri: str) -> str:
    """Return the address on the web of a record such as at://did:plc:x/app.bsky.feed.post/3k."""
    parts = uri.removeprefix("at://").split("/")
    return f"{SITE}/{parts[0]}/post/{parts[2]}" if len(parts) == 3 else uri


def _subject(record: JsonObject) -> str:
    return required_text(dict_of(record.get("subject")).get("uri"))


def _moment(record: JsonObject) -> int:
    return required_moment(record.get("createdAt"))


def uri_of(entry: JsonObject) -> str:
    """Return the address of a record."""
    return required_text(entry.get("uri"))
