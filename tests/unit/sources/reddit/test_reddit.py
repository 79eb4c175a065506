"""Reddit's export."""

import pytest
from tests.export_reading import owner_of, read_files

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.failures import Broken, LeftOut
from privateshare.sources.reddit.reader import WITHDRAWN_VOTES
from privateshare.sources.reddit.source import SOURCES

(REDDIT,) = SOURCES
FILES: dict[str, str | bytes] = {
    "posts.csv": (
        "id,permalink,date,ip,subreddit,gildings,title,url,body\n"
        "p1,https://www.reddit.com/r/bread/comments/p1/rye/,2024-01-15 10:30:00 UTC,192.0.2.1,bread,0,Rye,https://x.example/rye,\n"
        'p2,/r/bread/comments/p2/why/,2024-01-16 10:30:00 UTC,,bread,0,Why?,/r/bread/comments/p2/why/,"First.\n\nSecond, ""third""."\n'
        "p3,/r/bread/comments/p3/x/,,,bread,0,No date,,\n"
    ),
    "comments.csv": (
        "id,permalink,date,ip,subreddit,gildings,link,parent,body,media\n"
        "c1,https://www.reddit.com/r/bread/comments/p9/t/c1/,2024-02-15 10:30:00 UTC,,bread,0,https://www.reddit.com/r/bread/comments/p9/t/,,Yes,\n"
        "c2,https://www.reddit.com/r/bread/comments/p9/t/c2/,2024-02-15 10:31:00 UTC,,bread,0,https://www.reddit.com/r/bread/comments/p9/t/,c1,No,\n"
    ),
    "post_votes.csv": "id,permalink,direction\np9,https://www.reddit.com/r/bread/comments/p9/t/,up\np8,https://www.reddit.com/r/bread/comments/p8/t/,none\n",
    "comment_votes.csv": "id,permalink,direction\nc9,https://www.reddit.com/r/bread/comments/p9/t/c9/,down\n",
    "messages.csv": "id,permalink,thread_id,date,ip,from,to,subject,body\nm1,https://x,t1,2020-02-15 10:30:00 UTC,,ann,mira,Seeds,Hello\n",
    "message_headers.csv": "id,permalink,thread_id,date,ip,from,to,subject\nm1,https://x,t1,2020-02-15 10:30:00 UTC,,ann,mira,Seeds\n",
    "chat_history.csv": "message_id,created_at,updated_at,username,message,thread_parent_message_id,channel_url,subreddit,channel_name,conversation_type\nx1,2023-02-15 10:30:00.123 UTC,,ann,Hey,,ch1,,Ann and Mira,direct\n",
    "friends.csv": "username,note\nann,met in May\n",
    "statistics.csv": "statistic,value\naccount name,Mira_K\nexport time,2024-03-01 00:00:00 UTC\n",
    "ip_logs.csv": "date,ip\n2024-01-01 00:00:00 UTC,192.0.2.1\n",
    "post_headers.csv": "id,permalink,date,ip,subreddit,gildings,url\np1,/r/bread/comments/p1/rye/,2024-01-15 10:30:00 UTC,,bread,0,\n",
    "drafts.csv": "id,title,body,kind,created,spoiler\nd1,Draft,Text,richtext,2024-01-01 00:00:00 UTC,false\n",
}


def test_everything_in_an_export_is_read() -> None:
    """Withdrawn votes, headers and drafts are passed over."""
    left_out = LeftOut()
    found = read_files(REDDIT, FILES, left_out)
    first, second = found[ObjectType.POST]
    assert (first["title"], first["links"], first["community"]) == ("Rye", [{"link": "https://x.example/rye"}], "bread")
    assert (second["text"], second.get("links")) == ('First.\n\nSecond, "third".', None)
    assert second["posturl"] == "https://www.reddit.com/r/bread/comments/p2/why/"
    assert [(one["id"], one["referenceentitytype"]) for one in found[ObjectType.COMMENT]] == [("c1", 2), ("c2", 7)]
    votes = {(one["referenceentityid"], one["reaction"], one["referenceentitytype"]) for one in found[ObjectType.LIKE]}
    assert votes == {("p9", "up", 2), ("c9", "down", 7)}
    assert [one["text"] for one in found[ObjectType.MESSAGE]] == ["Hello", "Hey"]
    assert [one["note"] for one in found[ObjectType.SOCIAL_NETWORK_USER]] == ["met in May"]
    assert left_out.count == 1
    assert left_out.not_taken == {WITHDRAWN_VOTES: 1}
    assert set(left_out.unused) >= {"ip_logs.csv", "drafts.csv", "message_headers.csv"}
    assert "192.0.2.1" not in repr(found)


def test_the_export_says_whose_it_is() -> None:
    """Parts of it without the statistics do not."""
    named = owner_of(REDDIT, FILES)
    assert (named.provider_account_id, named.display_name, named.named) == ("mira_k", "Mira_K", True)
    assert owner_of(REDDIT, {"posts.csv": FILES["posts.csv"]}).named is False


def test_exports_of_two_people_are_refused() -> None:
    """One would share the data of the other."""
    other = "statistic,value\naccount name,Someone\n"
    with pytest.raises(Broken, match="several accounts"):
        read_files(REDDIT, FILES | {"b/statistics.csv": other})
