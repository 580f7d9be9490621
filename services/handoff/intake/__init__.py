"""HTTP intake: webhooks of systems that cannot speak Kafka become events on Kafka.

`sources` is what the operator set up, `signatures` who knocks, `bodies` reads what came,
`mapping` (in the language of `rules`) makes events of it, `batches` has Kafka acknowledge them,
`door` is the HTTP of it all.
"""
