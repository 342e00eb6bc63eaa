"""*Measure*: how many objects, how large, how bright; as a table, a plot and files.

May import `objects`, `files`, `widgets`, `session` and `layers`.
"""
