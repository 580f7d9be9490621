"""The pages of the handoff service: what waits for whom, one handoff, one customer, a portfolio.

HTML made on the server, in English and Persian. Everything works without a script; forms act
with POST and a token. What a page shows is decided in view models, pure and tested with no server.
"""
