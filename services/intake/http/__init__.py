"""The channel API, and the pages for people without one."""
