"""The one look of all Redress pages: templates, words, style, sessions, problems and response headers."""
