"""Everything between a transport or sender and the wire: addresses we may reach, TLS, deadlines."""
