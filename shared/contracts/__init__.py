"""What the services and other systems say to each other: topics, events and their envelope."""
