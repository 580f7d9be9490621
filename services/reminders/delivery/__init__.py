"""From a pending reminder to a person: decided anew when sent, by whichever channel is left.

`loop` claims, decides and records; `lanes` keep one endpoint's trouble to itself; `mail`, `chat`,
`webhooks` and `others` are the channels; `writing` finds the words.
"""
