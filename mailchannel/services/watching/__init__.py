"""The watcher: one process that is told of new mail by every mail server that can (IMAP IDLE), and fetches it at once.

Polling goes on underneath, so whatever goes wrong here costs a minute and never a mail.
"""
