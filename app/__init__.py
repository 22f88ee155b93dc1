"""AI recruitment desk on WhatsApp. Importing this package does nothing; `app.main.create_app` builds the service."""
