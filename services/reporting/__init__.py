"""reporting: turns every event into exact figures for the company's managers.

Owns figures: everything counted, exact under duplicates, redelivery and disorder. Reads every
topic. Must never decide anything about a customer.
"""
