"""What links in messages open: one deadline to act on, and all deadlines of one person.

HTML made on the server, in English and Persian; a calendar of the same. GET shows, POST acts.
"""
