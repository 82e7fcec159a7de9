"""What the consumer needs of a broker (`protocols`), Kafka (`kafka`), and the fake that tests run on (`memory`)."""
