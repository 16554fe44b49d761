"""The rules of intake: what a complaint may look like, who may file it, when two requests are one.

Pure: no I/O, no clock, no environment; `now` and ids are parameters.
"""
