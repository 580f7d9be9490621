"""The three services. They meet in Kafka topics only and never import each other."""
