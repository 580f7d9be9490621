"""What the pages of every service have in common: the frame, the look, the words of dates.

HTML made on the server, in English and Persian. Everything works without a script.
"""
