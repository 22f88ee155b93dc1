"""What operators run: checks before a start, registration of webhooks, the number of replicas."""
