"""Mail that is posted to us: by providers that take mail for others, or by a program."""
