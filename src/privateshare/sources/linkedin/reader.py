"""The tables of LinkedIn's export. Their names are English everywhere; dates are in the language of the member."""

import re
from collections.abc import Iterator

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.export_reader import DeclaredReader
from privateshare.sources.failures import EMPTY, NotTaken
from privateshare.sources.html_text import text_of_html
from privateshare.sources.object_building import JsonObject, Mapped, stable_id
from privateshare.sources.tables import TableKind, TableRow

POST, COMMENT = 2, 7
PROFILE_ID, YES = "profile", "yes"
_TAG = re.compile(r"</(p|a|div|span|b|strong|li)>|<br ?/?>", re.IGNORECASE)
_ADDRESSES = re.compile(r"https?://[^\s,;]+")


NOT_FOLLOWED = NotTaken("People you do not follow any more")


class LinkedInReader(DeclaredReader):
    """A reader of an export of LinkedIn."""

    _profile: JsonObject | None = None
    _joined: int | None = None

    def connection(self, row: TableRow) -> Iterator[Mapped]:
        """Yield a connection."""
        name = f"{row.text('first')} {row.text('last')}".strip()
        address = row.text("url")
        if not name and not address:
            self.left_out.pass_over(EMPTY)  # Members who left are empty rows.
            return
        yield self._person("friend", address, name, row.moment("date"), row)

    def followed(self, row: TableRow) -> Iterator[Mapped]:
        """Yield a member whom the person follows."""
        if row.text("status").casefold() not in ("", "active"):
            self.left_out.pass_over(NOT_FOLLOWED)
            return
        yield self._person("following", "", row.needed_text("name"), row.moment("date"), row)

    def message(self, row: TableRow) -> Iterator[Mapped]:
        """Yield a message."""
        moment, text = row.needed_moment("date"), _plain(row.text("content"))
        conversation, sender, recipients = row.text("conversation"), row.text("from"), row.text("to")
        names = [name.strip() for name in recipients.split(",") if name.strip()]
        addresses = _ADDRESSES.findall(row.text("recipients"))
        thing = self.account.thing(
            stable_id(conversation, moment, sender, recipients, text),
            moment,
            conversationid=conversation or stable_id(*sorted([sender, recipients])),
            conversationname=row.text("title") or row.text("subject"),
            sendername=sender,
            # A name may have a comma itself, such as "Ann Lee, PhD".
            recipientnames=names if len(names) == len(addresses) else [recipients] if recipients else [],
            text=text,
            attachments=[
                {"name": address.rsplit("/", 1)[-1], "uri": address}
                for address in _ADDRESSES.findall(row.text("attachments"))
            ],
        )
        yield ObjectType.MESSAGE, thing

    def share(self, row: TableRow) -> Iterator[Mapped]:
        """Yield a post."""
        moment, address = row.needed_moment("date"), row.text("url")
        text = row.text("text").replace('"\n"', "\n")
        links = [link for name in ("shared", "media") if (link := row.text(name))]
        thing = self.account.thing(
            stable_id("share", address or moment),
            moment,
            text=text,
            posturl=address,
            links=[{"link": link} for link in links],
            visibility=row.text("visibility"),
        )
        yield ObjectType.POST, thing

    def comment(self, row: TableRow) -> Iterator[Mapped]:
        """Yield a comment."""
        moment, address, text = row.needed_moment("date"), row.text("url"), row.text("text")
        thing = self.account.thing(
            stable_id("comment", moment, address, text), moment, text=text, link=address, referenceentitytype=POST
        )
        yield ObjectType.COMMENT, thing

    def reaction(self, row: TableRow) -> Iterator[Mapped]:
        """Yield a reaction."""
        moment, address, kind = row.needed_moment("date"), row.text("url"), row.text("type") or "LIKE"
        thing = self.account.thing(
            stable_id("reaction", moment, address, kind),
            moment,
            reaction=kind,
            link=address,
            referenceentityid=address,
            referenceentitytype=COMMENT if "comment" in address.casefold() else POST,
        )
        yield ObjectType.LIKE, thing

    def profile(self, row: TableRow) -> Iterator[Mapped]:
        """Take note of the profile. It is yielded when it is known since when the person is a member."""
        first, last = row.text("first"), row.text("last")
        name = f"{first} {last}".strip()
        if name:
            self.names.add(name)
        website = _ADDRESSES.search(row.text("websites"))
        self._profile = self.account.thing(
            PROFILE_ID,
            None,
            firstname=first,
            lastname=last,
            displayname=name,
            bio="\n".join(filter(None, (row.text("headline"), row.text("summary")))),
            profileurl=row.text("url"),
            additionalurl=website[0].rstrip("]") if website else "",
        )
        yield from ()

    def address(self, row: TableRow) -> Iterator[Mapped]:
        """Take note of the address with which the member signs in, which is what distinguishes accounts."""
        if row.text("primary").casefold() == YES and row.text("confirmed").casefold() == YES:
            self.note_owner(row.needed_text("email").casefold())
        yield from ()

    def registration(self, row: TableRow) -> Iterator[Mapped]:
        """Take note of when the person became a member."""
        self._joined = row.moment("date")
        yield from ()

    def remaining_objects(self) -> Iterator[Mapped]:
        """Yield the profile, which is in several files, and take note of whose it is."""
        for address in [*self.owners]:
            self.note_owner(address, next(iter(self.names), ""))
        if self._profile is not None:
            self.left_out.read += 1
            yield ObjectType.PROFILE, self._profile | ({"createddate": self._joined} if self._joined else {})

    def _person(self, relation: str, address: str, name: str, moment: int | None, row: TableRow) -> Mapped:
        thing = self.account.thing(
            f"{relation}_{stable_id(*([address] if address else [name, moment]))}",
            moment,
            relation=relation,
            displayname=name,
            profileurl=address,
            organization=row.text("company"),
            jobtitle=row.text("position"),
            email=row.text("email"),
        )
        return ObjectType.SOCIAL_NETWORK_USER, thing

    tables = (
        TableKind(
            {
                "first": ("First Name",),
                "last": ("Last Name",),
                "url": ("URL", "Profile URL"),
                "email": ("Email Address",),
                "company": ("Company",),
                "position": ("Position",),
                "date": ("Connected On",),
            },
            ("first", "date"),
            connection,
            written=("date",),
        ),
        TableKind(
            {"date": ("Date",), "status": ("Status",), "name": ("FullName", "Full Name")},
            ("date", "status", "name"),
            followed,
            written=("date",),
        ),
        TableKind(
            {
                "conversation": ("CONVERSATION ID",),
                "title": ("CONVERSATION TITLE",),
                "from": ("FROM",),
                "to": ("TO",),
                "recipients": ("RECIPIENT PROFILE URLS",),
                "date": ("DATE",),
                "subject": ("SUBJECT",),
                "content": ("CONTENT",),
                "attachments": ("ATTACHMENTS",),
            },
            ("from", "date", "content"),
            message,
            written=("date",),
        ),
        TableKind(
            {
                "date": ("Date",),
                "url": ("ShareLink", "Share Link"),
                "text": ("ShareCommentary", "Share Commentary"),
                "shared": ("SharedUrl", "Shared URL"),
                "media": ("MediaUrl", "Media URL"),
                "visibility": ("Visibility",),
            },
            ("date", "text"),
            share,
            written=("date",),
        ),
        TableKind(
            {"date": ("Date",), "url": ("Link",), "text": ("Message",)},
            ("date", "url", "text"),
            comment,
            written=("date",),
        ),
        TableKind(
            {"date": ("Date",), "type": ("Type",), "url": ("Link",)}, ("date", "type"), reaction, written=("date",)
        ),
        TableKind(
            {
                "first": ("First Name",),
                "last": ("Last Name",),
                "headline": ("Headline",),
                "summary": ("Summary",),
                "websites": ("Websites",),
                "url": ("Public Profile URL",),
            },
            ("first", "last", "headline"),
            profile,
        ),
        TableKind(
            {"email": ("Email Address",), "confirmed": ("Confirmed",), "primary": ("Primary",)},
            ("email", "confirmed", "primary"),
            address,
        ),
        TableKind(
            {"date": ("Registered At",), "ip": ("Registration Ip",)}, ("date", "ip"), registration, written=("date",)
        ),
    )


def _plain(text: str) -> str:
    """Return a message without the tags that messages of companies have."""
    return text_of_html(text) if _TAG.search(text) is not None else text
