"""What a Supabase project already has before the first migration: roles, schemas, grants. Local only, idempotent.

Nothing is granted by default on new tables, to nobody: since 2026-10-30 hosted projects behave like that (changelog
45329), so that a migration without GRANT fails here as it fails there.
"""

BOOTSTRAP = """
do $$
begin
  if not exists (select from pg_roles where rolname = 'service_role') then
    create role anon nologin noinherit;
    create role authenticated nologin noinherit;
    create role service_role nologin noinherit bypassrls;
    create role authenticator login noinherit;
    grant anon, authenticated, service_role to authenticator;
    create role postgres login createdb createrole bypassrls replication;
    grant anon, authenticated, service_role to postgres with admin option;
    grant pg_read_all_data, pg_signal_backend, pg_monitor to postgres;
  end if;
end
$$;
alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter database postgres owner to postgres;
alter database postgres set search_path = "$user", public, extensions;
create schema if not exists extensions authorization postgres;
grant usage on schema extensions to anon, authenticated, service_role;
grant usage on schema public to postgres, anon, authenticated, service_role;
-- pgvector is no trusted extension; hosted, `postgres` may create it all the same. A migration that needs it still
-- says `create extension if not exists vector with schema extensions`.
create extension if not exists vector with schema extensions;
"""
