"""Memory: the record in Postgres, reached through Supabase's HTTP API."""
