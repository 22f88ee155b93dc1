"""Leaves that every room may use: logs, metrics, Sentry, request id."""
