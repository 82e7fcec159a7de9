"""The broker: what the consumer needs of one (`protocols`), Kafka (`kafka`), and the one for tests (`memory`)."""
