"""The external auditor: reads schemas, topics, mailbox and client log, and checks the promises over what it read."""
