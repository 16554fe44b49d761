"""The mail catcher: accepts every message over SMTP, delivers none, shows all of them on a page and as JSON.

Next to nothing but the standard library, so that it stays small while idle and takes little from the services it serves: a general
SMTP server costs five times the CPU per message, which a run with thousands of notices a second would feel.
"""
