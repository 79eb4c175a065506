"""The mapping of records of the AT Protocol (lexicons app.bsky) to objects of schema digime."""

from privateshare.sources.json_api.values import count_of, moment_of, required_moment, required_text
from privateshare.sources.object_building import JsonObject, SourceAccount, dict_of, text_of

POST = 2
SITE = "https://bsky.app/profile"


def post(entry: JsonObject, account: SourceAccount) -> JsonObject:
    """Map a record of a post."""
    record, address = dict_of(entry.get("value")), required_text(entry.get("uri"))
    embedded = dict_of(record.get("embed"))
    link = text_of(dict_of(embedded.get("external")).get("uri"))
    owner, key = _owner_and_key(address)
    return account.thing(
        key,
        required_moment(record.get("createdAt")),
        text=text_of(record.get("text")),
        posturl=f"{SITE}/{owner}/post/{key}",
        links=[{"link": link}] if link else [],
        referenceentityid=text_of(dict_of(dict_of(record.get("reply")).get("parent")).get("uri")),
    )


def like(entry: JsonObject, account: SourceAccount) -> JsonObject:
    """Map a record of a like."""
    record = dict_of(entry.get("value"))
    liked = required_text(dict_of(record.get("subject")).get("uri"))
    owner, key = _owner_and_key(liked)
    return account.thing(
        f"like_{_owner_and_key(required_text(entry.get('uri')))[1]}",
        required_moment(record.get("createdAt")),
        link=f"{SITE}/{owner}/post/{key}",
        referenceentityid=liked,
        referenceentitytype=POST,
    )


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


def _owner_and_key(address: str) -> tuple[str, str]:
    """Return the account and the key in an address such as at://did:plc:x/app.bsky.feed.post/3k. Raises ValueError."""
    parts = address.removeprefix("at://").split("/")
    if len(parts) != 3 or not all(parts):
        raise ValueError("the address of the record cannot be read")
    return parts[0], parts[2]


def uri_of(entry: JsonObject) -> str:
    """Return the address of a record."""
    return required_text(entry.get("uri"))
