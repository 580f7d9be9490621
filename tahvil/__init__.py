"""The command line, and the embedded servers behind it. Not a service: services never import it."""
