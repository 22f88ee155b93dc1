"""Door out: the dialects of WhatsApp (360Dialog) and Chatwoot."""
