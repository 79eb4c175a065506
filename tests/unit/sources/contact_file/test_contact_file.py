"""Address books of many programs, as vCards of all versions and as tables."""

import io
from contextlib import nullcontext
from typing import Any

import pytest
from tests.archives import zipped
from tests.object_schemas import check_objects

from privateshare.protocol.catalogue import ObjectType
from privateshare.protocol.object_time import object_window
from privateshare.sources.archive import UploadedFile
from privateshare.sources.contact_file.source import ContactFile
from privateshare.sources.content_lines import MAX_LINE_BYTES, content_lines
from privateshare.sources.contract import Connection, Page
from privateshare.sources.failures import Broken, LeftOut


def read(content: str | bytes | dict[str, bytes], left_out: LeftOut | None = None) -> list[dict[str, Any]]:
    """The contacts of an upload, each as its schema says."""
    content = content.encode() if isinstance(content, str) else content
    data = zipped(content) if isinstance(content, dict) else content
    connection = Connection(archive=io.BytesIO(data), left_out=left_out if left_out is not None else LeftOut())
    found: list[dict[str, Any]] = []
    for page in ContactFile().fetch(connection, {ObjectType.CONTACT: None}):
        assert isinstance(page, Page)
        check_objects(page.object_type, list(page.objects))
        found += page.objects
    return found


def one(lines: str) -> dict[str, Any]:
    (contact,) = read(f"BEGIN:VCARD\r\n{lines}\r\nEND:VCARD\r\n".replace("\r\n", "\n").replace("\n", "\r\n"))
    return contact


def test_a_card_of_version_3_with_groups_and_escapes() -> None:
    """As an iPhone writes it: labels are in lines of their own."""
    contact = one(
        "VERSION:3.0\nN:Doe;John;Richter\\, James,Lee;Mr.;Sr.\nFN:Mr. John Doe\nORG:Bread\\; Butter;Oven;Night\n"
        "TITLE:Baker\nitem1.EMAIL;type=INTERNET;type=pref:john@example.org\nitem1.X-ABLabel:_$!<Other>!$_\n"
        'TEL;type=HOME;type=FAX:+1 555 0100\nTEL;TYPE="cell,voice":tel:+1-555-0101\n'
        "item2.ADR;type=HOME:;;Mill Lane 4\\nBack door;Utrecht;;3511;Netherlands\nitem2.X-ABLabel:Boat\n"
        "item3.URL:https\\://example.org\nX-SOCIALPROFILE;type=mastodon:https://example.org/@john\nIMPP:xmpp:john@example.org\n"
        "BDAY;X-APPLE-OMIT-YEAR=1604;value=date:1604-03-21\nNOTE:Line\\nTwo\\, and\n  more\nCATEGORIES:Choir,Old\\, friends\n"
        "UID:urn:uuid:1\nREV:2026-01-02T03:04:05Z"
    )
    assert (contact["name"], contact["firstname"], contact["middlename"]) == (
        "Mr. John Doe",
        "John",
        "Richter, James Lee",
    )
    assert (contact["organization"], contact["department"], contact["jobtitle"]) == (
        "Bread; Butter",
        "Oven, Night",
        "Baker",
    )
    assert contact["emails"] == [{"type": "other", "value": "john@example.org"}]
    assert contact["phones"] == [{"type": "home fax", "value": "+1 555 0100"}, {"type": "cell", "value": "+1-555-0101"}]
    assert contact["addresses"] == [{"type": "Boat", "value": "Mill Lane 4 Back door, Utrecht, 3511, Netherlands"}]
    assert [link["value"] for link in contact["links"]] == [
        "https://example.org",
        "https://example.org/@john",
        "xmpp:john@example.org",
    ]
    assert (contact["birthday"], contact["note"]) == ("--03-21", "Line\nTwo, and more")
    assert (contact["groups"], contact["revision"]) == (["Choir", "Old, friends"], 1767323045000)


def test_a_card_of_version_2_1_of_an_old_phone() -> None:
    """Kinds have no names, texts are quoted-printable, and pictures are not indented."""
    contact = one(
        "VERSION:2.1\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=BCrgen;;;\n"
        "FN;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:J=FCrgen=20=\nM=FCller\nTEL;CELL;PREF:+49 555 01\n"
        "TEL;WORK;FAX:+49 555 02\nEMAIL;X-CUSTOM(CHARSET=UTF-8,ENCODING=QUOTED-PRINTABLE,=41):a@example.org\n"
        "ADR;HOME;QUOTED-PRINTABLE:;;M=C3=BChle=0D=0A4;Wien;;1010;\nPHOTO;ENCODING=BASE64;JPEG:\n/9j/4AAQSkZJRg\nAB==\n\n"
        "AGENT:\nBEGIN:VCARD\nFN:Assistant\nEND:VCARD\nBDAY:19800321\nNICKNAME:J"
    )
    assert (contact["name"], contact["lastname"], contact["nickname"]) == ("Jürgen Müller", "Müller", "J")
    assert contact["phones"] == [{"type": "cell", "value": "+49 555 01"}, {"type": "work fax", "value": "+49 555 02"}]
    assert (contact["birthday"], contact["emails"][0]["value"]) == ("1980-03-21", "a@example.org")
    assert contact["addresses"] == [{"type": "home", "value": "Mühle 4, Wien, 1010"}]


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("1980-03-21", "1980-03-21"),
        ("--0321", "--03-21"),
        ("--03-21", "--03-21"),
        ("1980-03-21T00:00:00Z", "1980-03-21"),
        ("19800321T000000", "1980-03-21"),
        ("1980", ""),
        ("about 1980", ""),
        ("1980-13-41", ""),
        ("1980-3-1", "1980-03-01"),
    ],
)
def test_birthdays_in_all_forms(written: str, day: str) -> None:
    """What is no day is left out."""
    assert one(f"FN:A\nBDAY:{written}").get("birthday", "") == day


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ("FN:\nN:Doe;John;;;", "John Doe"),
        ("ORG:Bakery", "Bakery"),
        ("NICKNAME:Jo", "Jo"),
        ("EMAIL:jo@example.org", "jo@example.org"),
        ("TEL:+1 555", "+1 555"),
        ("FN:A\nFN:B", "A"),
        ('fn;x="a:b;c:A', "A"),
    ],
)
def test_every_contact_has_a_name(lines: str, name: str) -> None:
    """What is known of it."""
    assert one(lines)["name"].endswith(name)


def test_members_of_groups_have_their_names() -> None:
    """Groups themselves are no contacts."""
    text = (
        "BEGIN:VCARD\nUID:1\nFN:Jo\nEND:VCARD\nBEGIN:VCARD\nKIND:group\nFN:Choir\nMEMBER:urn:uuid:1\nEND:VCARD\n"
        "BEGIN:VCARD\nX-ADDRESSBOOKSERVER-KIND:group\nN:Family\nFN:Family\nX-ADDRESSBOOKSERVER-MEMBER:urn:uuid:1\nEND:VCARD\n"
    )
    (contact,) = read(text)
    assert contact["groups"] == ["Choir", "Family"]


def test_damaged_cards_do_not_take_the_others_along() -> None:
    """Those without a name and an address are counted."""
    left_out = LeftOut()
    text = "BEGIN:VCARD\nNONSENSE\n;:\nFN:A\nEND:VCARD\nBEGIN:VCARD\nNOTE:x\nEND:VCARD\nBEGIN:VCARD\nFN:B\n"
    assert [contact["name"] for contact in read(text, left_out)] == ["A", "B"]
    assert (left_out.read, left_out.count) == (2, 1)


def test_people_with_the_same_name_are_several() -> None:
    """Unless everything is the same."""
    text = "BEGIN:VCARD\nFN:A\nTEL:1\nEND:VCARD\nBEGIN:VCARD\nFN:A\nTEL:2\nEND:VCARD\nBEGIN:VCARD\nFN:A\nTEL:1\nEND:VCARD\n"
    assert len({contact["entityid"] for contact in read(text)}) == 2


GOOGLE_OLD = (
    "Name,Given Name,Family Name,Birthday,Notes,Group Membership,E-mail 1 - Type,E-mail 1 - Value,Phone 1 - Type,Phone 1 - Value,"
    "Address 1 - Type,Address 1 - Formatted,Organization 1 - Name,Organization 1 - Title,Website 1 - Type,Website 1 - Value\n"
    'Jo Doe,Jo,Doe, --03-21,"A, b",Choir ::: * myContacts,* Home,jo@example.org ::: j@example.org,Mobile,+1 555,Home,'
    '"Mill Lane 4\nUtrecht",Bakery,Baker,Blog,https://example.org\n'
)
GOOGLE_NEW = (
    "First Name,Last Name,Birthday,Notes,Labels,Organization Name,Organization Title,E-mail 1 - Label,E-mail 1 - Value,"
    "E-mail 2 - Label,E-mail 2 - Value,Phone 1 - Label,Phone 1 - Value,Address 1 - Formatted,Website 1 - Value\n"
    'Jo,Doe,--03-21,"A, b",Choir ::: * myContacts,Bakery,Baker,* Home,jo@example.org,,j@example.org,Mobile,+1 555,'
    '"Mill Lane 4\nUtrecht",https://example.org\n'
)
OUTLOOK = (
    '"First Name","Last Name","Company","Job Title","Home Street","Home City","Mobile Phone","Categories","E-mail Address",'
    '"E-mail 2 Address","Birthday","Notes","Web Page"\r\n"Jo","Doe","Bakery","Baker","Mill Lane 4","Utrecht","+1 555","Choir;'
    'myContacts","jo@example.org","j@example.org","0/0/00","A, b","https://example.org"\r\n'
)


@pytest.mark.parametrize("table", [GOOGLE_OLD, GOOGLE_NEW, OUTLOOK], ids=["google", "google-2024", "outlook"])
def test_tables_of_google_and_outlook(table: str) -> None:
    """Columns have other names in each."""
    (contact,) = read(table)
    assert (contact["name"], contact["firstname"], contact["note"]) == ("Jo Doe", "Jo", "A, b")
    assert [email["value"] for email in contact["emails"]] == ["jo@example.org", "j@example.org"]
    assert contact["phones"] == [{"type": "mobile", "value": "+1 555"}]
    assert contact["addresses"][0]["value"] == "Mill Lane 4, Utrecht"
    assert (contact["organization"], contact["jobtitle"]) == ("Bakery", "Baker")
    assert (contact["groups"], contact["links"][0]["value"]) == (["Choir", "myContacts"], "https://example.org")
    assert contact.get("birthday") in (None, "--03-21")


def test_tables_in_other_languages_and_encodings() -> None:
    """A German Outlook writes Windows-1252."""
    table = "Vorname;Nachname;Firma;E-Mail-Adresse;Mobiltelefon;Geburtstag\nJürgen;Müller;Bäckerei;j@example.org;+49;21.03.1980\n"
    for encoding in ("cp1252", "utf-8-sig", "utf-16"):
        (contact,) = read(table.encode(encoding))
        assert (contact["name"], contact["birthday"]) == ("Jürgen Müller", "1980-03-21")


@pytest.mark.parametrize(
    ("days", "found"),
    [(("3/4/1980", "3/21/1980"), "1980-03-04"), (("3/4/1980", "21/3/1980"), "1980-04-03"), (("3/4/1980", ""), "")],
)
def test_the_order_of_day_and_month_is_found(days: tuple[str, str], found: str) -> None:
    """If nothing shows it, birthdays are left out."""
    rows = "".join(f"{name},{name}@example.org,{day}\n" for name, day in zip("ab", days, strict=True))
    assert read("First Name,E-mail Address,Birthday\n" + rows)[0].get("birthday", "") == found


def test_address_books_of_a_takeout_have_the_names_of_their_files() -> None:
    """Other files are passed over."""
    left_out = LeftOut()
    card = b"BEGIN:VCARD\nFN:A\nEND:VCARD\n"
    found = read({"Takeout/Contacts/Choir/Choir.vcf": card, "b.csv": b"day,steps\n1,2\n"}, left_out)
    assert ([contact["addressbookname"] for contact in found], list(left_out.unused)) == (["Choir"], ["b.csv"])


@pytest.mark.parametrize(
    "data", [b"Hello", b"BEGIN:VCALENDAR\nEND:VCALENDAR\n", b"name,value\nx,y\n", b"First Name,Email\n"]
)
def test_other_files_are_refused(data: bytes) -> None:
    """With what to do."""
    with pytest.raises(Broken, match="holds no contacts"):
        ContactFile().identify(Connection(archive=io.BytesIO(data)))


@pytest.mark.parametrize("written", ["800412", "1980-02-30", "19801301", "1980112", "--0230X", "\u0661980-04-12"])
def test_what_is_no_day_is_no_birthday(written: str) -> None:
    """Six digits must not become a day of the year 8004."""
    assert "birthday" not in one(f"FN:Ann\nBDAY:{written}")


def test_an_older_card_does_not_replace_a_newer_one() -> None:
    """An upload may hold an older export after a newer one."""
    card = "BEGIN:VCARD\nVERSION:3.0\nUID:1\nFN:{name}\nREV:{changed}\nEND:VCARD\n"
    old, new = (("Old", "2020-01-01T00:00:00Z"), ("New", "2024-01-01T00:00:00Z"))
    for order in ((old, new), (new, old)):
        text = "".join(card.format(name=name, changed=changed) for name, changed in order)
        assert read(text)[-1]["name"] == "New"


def test_contacts_before_damage_are_read() -> None:
    """Also if all birthdays of the table have to be known first."""
    left_out = LeftOut()
    (found,) = read('First Name,Last Name,E-mail Address,Birthday\nAnn,Lee,a@b.c,4/25/1980\nBob,"M', left_out)
    assert (found["name"], found["birthday"], len(left_out.damaged)) == ("Ann Lee", "1980-04-25", 1)


def test_a_contact_is_in_every_time_range() -> None:
    """Whoever was last changed long ago is in the address book today, so that change is no date of the object."""
    contact = one("VERSION:3.0\nFN:Ann\nUID:1\nREV:2001-01-02T03:04:05Z\nBDAY:1980-02-03")
    assert contact["revision"] == 978404645000
    assert object_window("digime", contact) is None


@pytest.mark.parametrize("ending", ["=\n", "\n "])
def test_a_line_that_never_ends_is_cut(ending: str) -> None:
    """Otherwise, reading a card that a server made up takes time that grows with the square of its length."""
    data = f"FN;ENCODING=QUOTED-PRINTABLE:{f'=41{ending}' * 50_000}\nTEL:+1 555 0100\n".encode()
    file = UploadedFile("endless.vcf", lambda: nullcontext(io.BytesIO(data)), len(data))
    endless, phone = content_lines(file)
    assert MAX_LINE_BYTES <= len(endless) < MAX_LINE_BYTES + len(ending) + 3 < len(data)
    assert phone == "TEL:+1 555 0100"
