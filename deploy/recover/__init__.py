"""Looks at topics, outboxes and readers together, tells what does not fit, and mends it.

look     what is wrong: topics that are gone, logs that lost their tail, records that a restored database does not know
mend     puts it right
refile   complaints that were accepted after the backup: filed again from what their topic holds
"""
