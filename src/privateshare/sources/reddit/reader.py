"""The tables of Reddit's export."""

from collections.abc import Iterator

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.export_reader import DeclaredReader
from privateshare.sources.failures import NotTaken
from privateshare.sources.object_building import Mapped, stable_id
from privateshare.sources.tables import TableKind, TableRow

ORIGIN = "https://www.reddit.com"
POST, COMMENT = 2, 7
PARTS_OF_A_POST = 5  # r/name/comments/id/title; a comment has its own id after them.
VOTES = frozenset({"up", "down"})
WITHDRAWN_VOTES = NotTaken("Votes that were taken back")


class RedditReader(DeclaredReader):
    """A reader of an export of Reddit."""

    def post(self, row: TableRow) -> Iterator[Mapped]:
        """Yield a post."""
        own_id, moment, link = row.needed_text("id"), row.needed_moment("date"), _address(row.text("url"))
        address = _address(row.text("permalink"))
        thing = self.account.thing(
            own_id,
            moment,
            title=row.text("title"),
            text=row.text("body"),
            posturl=address,
            links=[{"link": link}] if link and link != address else [],
            community=row.text("subreddit"),
        )
        yield ObjectType.POST, thing

    def comment(self, row: TableRow) -> Iterator[Mapped]:
        """Yield a comment."""
        parent, post = row.text("parent"), row.text("link")
        thing = self.account.thing(
            row.needed_text("id"),
            row.needed_moment("date"),
            text=row.text("body"),
            link=_address(row.text("permalink")),
            community=row.text("subreddit"),
            referenceentityid=parent.removeprefix("t1_"),
            referenceurl=_address(post) if "/" in post else "",
            referenceentitytype=COMMENT if parent else POST,
        )
        yield ObjectType.COMMENT, thing

    def vote(self, row: TableRow) -> Iterator[Mapped]:
        """Yield a vote. The export does not say when it was given."""
        own_id, direction = row.needed_text("id"), row.text("direction").casefold()
        address = _address(row.text("permalink"))
        if direction in VOTES:
            parts = address.removeprefix(ORIGIN).strip("/").split("/")
            thing = self.account.thing(
                f"vote_{own_id}",
                None,
                reaction=direction,
                link=address,
                referenceentityid=own_id,
                referenceentitytype=COMMENT if len(parts) > PARTS_OF_A_POST else POST,
            )
            yield ObjectType.LIKE, thing
        else:
            self.left_out.pass_over(WITHDRAWN_VOTES)

    def message(self, row: TableRow) -> Iterator[Mapped]:
        """Yield a private message."""
        own_id, recipient = row.needed_text("id"), row.text("to")
        thing = self.account.thing(
            own_id,
            row.needed_moment("date"),
            conversationid=row.text("thread") or own_id,
            conversationname=row.text("subject"),
            sendername=row.text("from"),
            recipientnames=[recipient] if recipient else [],
            text=row.text("body"),
        )
        yield ObjectType.MESSAGE, thing

    def chat(self, row: TableRow) -> Iterator[Mapped]:
        """Yield a message of a chat."""
        moment, text, sender = row.needed_moment("date"), row.text("text"), row.text("from")
        conversation = row.text("channel")
        thing = self.account.thing(
            row.identifier("id") or stable_id(conversation, moment, sender, text),
            moment,
            conversationid=conversation,
            conversationname=row.text("name") or row.text("subreddit"),
            sendername=sender,
            text=text,
        )
        yield ObjectType.MESSAGE, thing

    def friend(self, row: TableRow) -> Iterator[Mapped]:
        """Yield somebody whom the person follows."""
        name = row.needed_text("name")
        thing = self.account.thing(
            f"following_{name.casefold()}",
            None,
            relation="following",
            username=name,
            profileurl=f"{ORIGIN}/user/{name}",
            note=row.text("note"),
        )
        yield ObjectType.SOCIAL_NETWORK_USER, thing

    def statistic(self, row: TableRow) -> Iterator[Mapped]:
        """Take note of whose export it is."""
        if row.text("name").casefold() == "account name":
            name = row.needed_text("value")
            self.note_owner(name.casefold(), name)
        yield from ()

    tables = (
        TableKind(
            {
                "id": ("id",),
                "permalink": ("permalink",),
                "date": ("date",),
                "subreddit": ("subreddit",),
                "title": ("title",),
                "url": ("url",),
                "body": ("body",),
            },
            ("id", "permalink", "date", "title"),
            post,
        ),
        TableKind(
            {
                "id": ("id",),
                "permalink": ("permalink",),
                "date": ("date",),
                "subreddit": ("subreddit",),
                "link": ("link",),
                "parent": ("parent",),
                "body": ("body",),
            },
            ("id", "permalink", "date", "parent", "body"),
            comment,
        ),
        TableKind(
            {"id": ("id",), "permalink": ("permalink",), "direction": ("direction",)},
            ("id", "permalink", "direction"),
            vote,
        ),
        TableKind(
            {
                "id": ("id",),
                "thread": ("thread_id",),
                "date": ("date",),
                "from": ("from",),
                "to": ("to",),
                "subject": ("subject",),
                "body": ("body",),
            },
            ("id", "date", "from", "to", "body"),
            message,
        ),
        TableKind(
            {
                "id": ("message_id",),
                "date": ("created_at",),
                "from": ("username",),
                "text": ("message",),
                "channel": ("channel_url",),
                "name": ("channel_name",),
                "subreddit": ("subreddit",),
            },
            ("date", "from", "text", "channel"),
            chat,
        ),
        TableKind({"name": ("username",), "note": ("note",)}, ("name", "note"), friend),
        TableKind({"name": ("statistic",), "value": ("value",)}, ("name", "value"), statistic),
    )


def _address(path: str) -> str:
    return f"{ORIGIN}{path}" if path.startswith("/") else path
