"""Mail that a mail server hands to us, by SMTP or LMTP (RFC 5321, RFC 2033)."""
