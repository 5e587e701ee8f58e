"""“Test connection”, step by step: what was seen on the way into a mailbox, and what to do where it ends."""
