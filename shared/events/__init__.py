"""What the services say to each other: frozen event models, one discriminated union per topic.

Pure: nothing here does I/O, reads a clock or draws a random number except `ids.new_id`.
`topics.py` is the one table of who writes and who reads.
"""
