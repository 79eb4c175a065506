"""Sample data: the export of an invented member, whose last day is yesterday. A day's entries never change."""

from collections.abc import Sequence
from datetime import datetime

from privateshare.sources.archive import UploadedFile
from privateshare.sources.sample_building import sample_days, table_file

PEOPLE = (("Ida", "Berg", "Harbour Foods"), ("Tom", "Adeyemi", "Rail Works"), ("Lin", "Chen", "City Library"))
TOPICS = ("timetables", "bread", "bridges", "maps")


def sample_files(now: datetime) -> Sequence[UploadedFile]:
    """Return the files of the sample."""
    days = list(sample_days(now, "linkedin"))
    address = "https://www.linkedin.com/feed/update/urn%3Ali%3Ashare%3A"
    connections, messages, shares, comments, reactions = [], [], [], [], []
    for number, (day, chance) in enumerate(days):
        first, last, company = chance.choice(PEOPLE)
        moment, topic = f"{day:%Y-%m-%d %H:%M:%S}", chance.choice(TOPICS)
        if number % 12 == 0:
            profile = f"https://www.linkedin.com/in/sample-{number}"
            connections.append((first, f"{last} {number}", profile, "", company, "Planner", f"{day:%d %b %Y}"))
        if number % 3 == 0:
            messages.append((f"c{number % 5}", "", f"{first} {last}", "Sam Sample", f"{moment} UTC", f"About {topic}"))
        if number % 7 == 0:
            shares.append((moment, f"{address}{number}", f"Ten things that I learned about {topic}.", "PUBLIC"))
            comments.append((moment, f"{address}{number + 1}", "Well said."))
        if number % 2 == 0:
            reactions.append((moment, "LIKE", f"{address}{number + 2}"))
    return [
        table_file(
            "Connections.csv",
            ("First Name", "Last Name", "URL", "Email Address", "Company", "Position", "Connected On"),
            connections,
        ),
        table_file(
            "messages.csv", ("CONVERSATION ID", "CONVERSATION TITLE", "FROM", "TO", "DATE", "CONTENT"), messages
        ),
        table_file("Shares.csv", ("Date", "ShareLink", "ShareCommentary", "Visibility"), shares),
        table_file("Comments.csv", ("Date", "Link", "Message"), comments),
        table_file("Reactions.csv", ("Date", "Type", "Link"), reactions),
        table_file("Profile.csv", ("First Name", "Last Name", "Headline"), [("Sam", "Sample", "Plans timetables")]),
    ]
