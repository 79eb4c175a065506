"""Sample data: the export of an invented person, whose last day is yesterday. A day's entries never change."""

from collections.abc import Sequence
from datetime import datetime

from privateshare.sources.archive import UploadedFile
from privateshare.sources.sample_building import sample_days, table_file

COMMUNITIES = ("gardening", "baking", "trains")
THOUGHTS = ("Worked for me.", "I would wait for spring.", "Try less water.", "What a picture!")


def sample_files(now: datetime) -> Sequence[UploadedFile]:
    """Return the files of the sample."""
    posts, comments, votes, messages = [], [], [], []
    for number, (day, chance) in enumerate(sample_days(now, "reddit")):
        community, thought = chance.choice(COMMUNITIES), chance.choice(THOUGHTS)
        moment, place = f"{day:%Y-%m-%d %H:%M:%S} UTC", f"/r/{community}/comments/p{number}/a_question/"
        if number % 9 == 0:
            posts.append((f"p{number}", place, moment, community, "A question", "", f"What would you do? {thought}"))
        if number % 2 == 0:
            comments.append((f"c{number}", f"{place}c{number}/", moment, community, place, "", thought))
            votes.append((f"c{number}", f"{place}c{number}/", "up" if chance.random() < 0.8 else "down"))
        if number % 20 == 0:
            messages.append((f"m{number}", f"t{number}", moment, "sample_friend", "sample_person", "Seeds", thought))
    names = ("id", "permalink", "date", "subreddit")
    return [
        table_file("posts.csv", (*names, "title", "url", "body"), posts),
        table_file("comments.csv", (*names, "link", "parent", "body"), comments),
        table_file("post_votes.csv", ("id", "permalink", "direction"), votes),
        table_file("messages.csv", ("id", "thread_id", "date", "from", "to", "subject", "body"), messages),
        table_file("friends.csv", ("username", "note"), [("sample_friend", "")]),
    ]
