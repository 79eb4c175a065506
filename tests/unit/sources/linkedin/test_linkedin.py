"""LinkedIn's export, in layouts of several years and dates of several languages."""

from datetime import UTC, datetime

import pytest
from tests.export_reading import owner_of, read_files

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.failures import Broken, LeftOut
from privateshare.sources.linkedin.source import SOURCES

(LINKEDIN,) = SOURCES
NOTES = 'Notes:\n"When exporting your connection data, you may notice that some of the email addresses are missing, as ""x""."\n\n'
HEADER = "First Name,Last Name,URL,Email Address,Company,Position,Connected On\n"


def day_of(thing: dict[str, object]) -> str:
    return f"{datetime.fromtimestamp(int(str(thing['createddate'])) / 1000, UTC):%Y-%m-%d}"


def test_connections_with_notes_before_them_are_read() -> None:
    """Members who left are empty rows, which are no loss, and are counted."""
    left_out = LeftOut()
    text = (
        NOTES
        + HEADER
        + 'Ana,"Muñoz, PhD",https://www.linkedin.com/in/ana,a@example.org,"Pan, S.A.",Baker,24 Jan 2023\n,,,,,,03 Feb 2020\n'
    )
    found = read_files(LINKEDIN, {"Connections.csv": text}, left_out)
    (person,) = found[ObjectType.SOCIAL_NETWORK_USER]
    assert (person["displayname"], person["relation"]) == ("Ana Muñoz, PhD", "friend")
    assert (person["organization"], person["jobtitle"], person["email"]) == ("Pan, S.A.", "Baker", "a@example.org")
    assert day_of(person) == "2023-01-24"
    assert (left_out.read, left_out.count, left_out.not_taken.total()) == (1, 0, 1)


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (("12 févr. 2021", "3 août 2020"), ["2021-02-12", "2020-08-03"]),
        (("24. Jan. 2023", "3. März 2020"), ["2023-01-24", "2020-03-03"]),
        (("10/22/23, 5:04 PM", "3/4/22, 9:00 AM"), ["2023-10-22", "2022-03-04"]),
        (("2023-01-24", "2020-03-03"), ["2023-01-24", "2020-03-03"]),
    ],
)
def test_dates_of_all_languages_are_read(dates: tuple[str, ...], expected: list[str]) -> None:
    """In the notation of the member's language."""
    rows = "".join(f'Ann,Lee {number},,,,,"{date}"\n' for number, date in enumerate(dates))
    found = read_files(LINKEDIN, {"Connections.csv": HEADER + rows})
    assert [day_of(one) for one in found[ObjectType.SOCIAL_NETWORK_USER]] == expected


def test_two_people_of_one_name_are_two() -> None:
    """Older tables have no addresses of members."""
    rows = "Ann,Lee,,,,,24 Jan 2023\nAnn,Lee,,,,,25 Jan 2023\n"
    found = read_files(LINKEDIN, {"Connections.csv": HEADER + rows})[ObjectType.SOCIAL_NETWORK_USER]
    assert len({one["entityid"] for one in found}) == 2


def test_messages_of_both_layouts_are_read() -> None:
    """Names with commas stay whole, groups are split, and tags of companies are removed."""
    new = (
        "CONVERSATION ID,CONVERSATION TITLE,FROM,SENDER PROFILE URL,TO,RECIPIENT PROFILE URLS,DATE,SUBJECT,CONTENT,FOLDER,ATTACHMENTS\n"
        'c1,,Ann,https://l/in/a,"Ben Ito, PhD",https://l/in/b,2023-06-11 15:33:58 UTC,,"Hello,\nworld",INBOX,https://l/x.pdf\n'
        'c2,Trip,Ben,https://l/in/b,"Ann,Cid","https://l/in/a,https://l/in/c",2023-06-12 15:33:58 UTC,Hi,<p class=""x"">See &amp; go</p>,INBOX,\n'
    )
    old = 'From,To,Date,Subject,Content,Direction,Folder\nAnn,Ben,"3/14/17, 5:04 PM",Hi,Bye,OUTGOING,SENT\n'
    found = read_files(LINKEDIN, {"messages.csv": new, "old/Messages.csv": old})[ObjectType.MESSAGE]
    assert [one["text"] for one in found] == ["Hello,\nworld", "See & go", "Bye"]
    assert [one["recipientnames"] for one in found] == [["Ben Ito, PhD"], ["Ann", "Cid"], ["Ben"]]
    assert found[0]["attachments"] == [{"name": "x.pdf", "uri": "https://l/x.pdf"}]
    assert day_of(found[2]) == "2017-03-14"


def test_posts_comments_reactions_and_the_profile_are_read() -> None:
    """Quotes in comments have a backslash before them; in posts they are doubled."""
    left_out = LeftOut()
    files: dict[str, str | bytes] = {
        "Shares.csv": 'Date,ShareLink,ShareCommentary,SharedUrl,MediaUrl,Visibility\n2026-05-07 16:41:18,https://l/s1,"One ""two"" three\nfour",https://x.example,,PUBLIC\n',
        "Comments_17.csv": 'Date,Link,Message\n2026-05-08 16:41:18,https://l/s2,"The \\"tea, Earl Grey\\" machine"\nsoon,https://l/s2,x\n',
        "Reactions.csv": "Date,Type,Link\n2026-05-09 01:02:03,PRAISE,https://l/s3\n",
        "Profile.csv": "First Name,Last Name,Maiden Name,Headline,Summary,Websites\nAnn,Lee,,Bakes,About,[PORTFOLIO:https://ann.example]\n",
        "Registration.csv": 'Registered At,Registration Ip,Subscription Types\n"9/13/09, 9:12 PM",192.0.2.1,\n',
        "Member_Follows.csv": "Date,Status,FullName\nSat Sep 05 08:12:14 UTC 2026,Active,Cid Ray\n",
        "Skills.csv": "Name\nBread\n",
    }
    found = read_files(LINKEDIN, files, left_out)
    (post,), (comment,), (like,) = found[ObjectType.POST], found[ObjectType.COMMENT], found[ObjectType.LIKE]
    assert (post["text"], post["links"]) == ('One "two" three\nfour', [{"link": "https://x.example"}])
    assert comment["text"] == 'The "tea, Earl Grey" machine'
    assert like["reaction"] == "PRAISE"
    (profile,) = found[ObjectType.PROFILE]
    assert (profile["displayname"], profile["additionalurl"]) == ("Ann Lee", "https://ann.example")
    assert day_of(profile) == "2009-09-13"
    assert [one["relation"] for one in found[ObjectType.SOCIAL_NETWORK_USER]] == ["following"]
    assert (left_out.count, list(left_out.unused)) == (1, ["Skills.csv"])
    identity = owner_of(LINKEDIN, files)
    assert (identity.display_name, identity.named) == ("Ann Lee", False)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_tables_that_were_saved_again_are_read(encoding: str, delimiter: str) -> None:
    """Programs for spreadsheets change encoding, delimiter, and the order of columns."""
    rows = [
        ("Connected On", "Last Name", "First Name"),
        ("24 Jan 2023", "Müller", "Zoë"),
        ("25 Jan 2023", "Großé", "Élan"),
    ]
    text = "\r\n".join(delimiter.join(row) for row in rows)
    found = read_files(LINKEDIN, {"a.csv": text.encode(encoding)})
    assert [one["displayname"] for one in found[ObjectType.SOCIAL_NETWORK_USER]] == ["Zoë Müller", "Élan Großé"]


def test_a_newer_export_repeats_nothing() -> None:
    """The same entries have the same ids."""
    rows = "c1,,Ann,Ben,2023-06-11 15:33:58 UTC,Hi\n"
    header = "CONVERSATION ID,CONVERSATION TITLE,FROM,TO,DATE,CONTENT\n"
    one, two = (
        {thing["entityid"] for thing in read_files(LINKEDIN, {"messages.csv": text})[ObjectType.MESSAGE]}
        for text in (header + rows, header + "c2,,Cid,Ben,2023-06-12 15:33:58 UTC,Ho\n" + rows)
    )
    assert one < two


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER, "holds no data of LinkedIn"),
        (HEADER + "Ann,Lee,,,,,03/04/2020\n", "whether 02/03 is in February"),
        ("a,b\n1,2\n", "holds no data of LinkedIn"),
        ('Date,Link,Message\n2026-05-08 16:41:18,x,"' + "y" * 200_000, "is damaged"),
    ],
)
def test_other_tables_are_refused(text: str, message: str) -> None:
    """With what to do."""
    with pytest.raises(Broken, match=message):
        read_files(LINKEDIN, {"a.csv": text})


def test_the_exports_of_two_people_are_not_mixed() -> None:
    """The export has no id of the account, but a name."""
    header = "First Name,Last Name,Headline,Summary,Websites\n"
    files: dict[str, str | bytes] = {f"{name}/Profile.csv": f"{header}{name},Lee,h,s,\n" for name in ("Ann", "Bob")}
    with pytest.raises(Broken, match="several accounts"):
        owner_of(SOURCES[0], files)


ADDRESSES = (
    "Email Address,Confirmed,Primary,Updated On\nOld@x.example,Yes,No,Not Available\nAnn@x.example,Yes,Yes,1/2/20\n"
)


def test_the_primary_address_says_whose_export_it_is() -> None:
    """Two people of one name are two accounts, and an account keeps its name."""
    profile = "First Name,Last Name,Headline,Summary,Websites\nAnn,Lee,h,s,\n"
    identity = owner_of(SOURCES[0], {"Profile.csv": profile, "Email Addresses.csv": ADDRESSES})
    assert (identity.provider_account_id, identity.display_name, identity.named) == ("ann@x.example", "Ann Lee", True)
    with pytest.raises(Broken, match="several accounts"):
        owner_of(
            SOURCES[0],
            {
                "Profile.csv": profile,
                "a/Email Addresses.csv": ADDRESSES,
                "b/Email.csv": ADDRESSES.replace("Ann@", "A@"),
            },
        )
