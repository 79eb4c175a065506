"""A good archive for tests/contract/test_sources.py."""

from tests.export_reading import table


def comments(number: int) -> bytes:
    """An export with so many comments."""
    row = "c{number},/r/a/comments/p/t/c{number}/,{moment} UTC,a,/r/a/comments/p/t/,,Hi {number}"
    return table("comments.csv", "id,permalink,date,subreddit,link,parent,body", row, number)


GOOD_ARCHIVES = {9031: comments}
FOREIGN = "holds no data of"
