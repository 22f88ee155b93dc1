"""WhatsApp's service window: free-form messages may be sent for 24 hours after the candidate's last message."""

SERVICE_WINDOW = 24 * 3600.0  # seconds (WhatsApp, "customer service window")


def expires_at(last_message_at: float) -> float:
    """Unix seconds at which the window closes, from the vendor's time of the candidate's newest message."""
    return last_message_at + SERVICE_WINDOW


def is_open(now: float, last_message_at: float | None) -> bool:
    """Whether a free-form message may leave now."""
    return last_message_at is not None and now < expires_at(last_message_at)
