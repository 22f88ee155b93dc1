-- Who may do what. The service comes as service_role; nobody else has any right here.
-- Since 2026-10-30 hosted projects grant nothing on new tables by themselves; before, they granted all to everybody,
-- so both directions are written out.

create function desk.guard_consents() returns trigger
language plpgsql set search_path = '' as $$
declare
  allowed text := case tg_op when 'DELETE' then 'erase' when 'UPDATE' then 'move' end;
begin
  -- Passing takes the owner's rights and a function that says what it is doing: a slip in a console has the first only.
  if current_user::regrole = (select c.relowner::regrole from pg_class as c where c.oid = tg_relid)
    and current_setting('desk.consents_may', true) = allowed
  then
    return case tg_op when 'DELETE' then old else new end;
  end if;
  raise exception 'consent records are append-only' using errcode = '42501',
    hint = 'Record a withdrawal as another row, or erase the person with erase_candidate.';
end $$;
create trigger consent_records_append_only before update or delete on public.consent_records
  for each row execute function desk.guard_consents();
create trigger consent_records_no_truncate before truncate on public.consent_records
  for each statement execute function desk.guard_consents();

do $$
declare
  name text;
begin
  for name in select format('%I.%I', schemaname, tablename) from pg_tables where schemaname = 'public' loop
    execute format('alter table %s enable row level security', name);
    execute format('revoke all on table %s from public, anon, authenticated, service_role', name);
    execute format('grant select, insert, update, delete on table %s to service_role', name);
  end loop;
end $$;
revoke update, delete on public.consent_records from service_role;

revoke all on all sequences in schema public from public, anon, authenticated, service_role;
revoke all on schema desk from public, anon, authenticated;
grant usage on schema desk to service_role;
revoke all on all functions in schema public, desk from public, anon, authenticated;
grant execute on all functions in schema public, desk to service_role;
