"""The dashboard: figures as charts and tables, in English and Persian.

Every page works without a script, as tables; one script of our own draws charts from the data
that the page brings along.
"""
