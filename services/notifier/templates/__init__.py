"""The words of every message: one file per kind and language, one layout per format.

`zh/` and `en/` hold what is said, shape CAP (concern, action, outlook; service-rules.md S75); `html/layout.j2` and
`text/layout.j2` hold how it looks. Both formats are rendered from the same words, so they never differ.
"""
