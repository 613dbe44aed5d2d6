"""The review of an artifact: what is shown, apart from how.

`content` has the records, `collect` fills them, `pictures` draws, `page` writes HTML.
"""
