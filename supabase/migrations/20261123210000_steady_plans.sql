-- Settling row by row, by key, and plans that stay good while the tables grow.

create function desk.settle_row(r jsonb, settler text) returns boolean
language plpgsql set search_path = '' as $$
declare
  outcome text := r ->> 'status';
  o public.outbox;
begin
  select * into o from public.outbox as locked where locked.id = (r ->> 'id')::uuid;
  if not found or desk.settled_state(o, outcome, settler) is null then
    return false;
  end if;
  update public.outbox as u
  set state = desk.settled_state(o, outcome, settler),
      -- Given back untouched: the attempt it was claimed for does not count.
      attempts = o.attempts - case when outcome = 'released' then 1 else 0 end,
      vendor_id = coalesce(nullif(r ->> 'vendor_id', ''), o.vendor_id),
      vendor = coalesce(nullif(r -> 'vendor', 'null'), o.vendor),
      error_code = case when outcome = 'sent' then o.error_code else r ->> 'error_code' end,
      error_title = case when outcome = 'sent' then o.error_title else r ->> 'error_title' end,
      retry_at = case when outcome = 'retry'
        then coalesce(to_timestamp((r ->> 'retry_at')::double precision), now()) end,
      reconcile_after = case when outcome = 'uncertain'
        then coalesce(to_timestamp((r ->> 'reconcile_after')::double precision), now()) end,
      lease_until = null,
      sent_at = case when outcome = 'sent' then least(o.sent_at, now()) else o.sent_at end,
      failed_at = case when outcome = 'failed' then least(o.failed_at, now()) else o.failed_at end
  where u.id = o.id;
  return true;
end $$;
comment on function desk.settle_row is 'Records one outcome; false when it comes too late to count.';

create or replace function public.settle_outbox(p jsonb) returns jsonb
language plpgsql set search_path = '' as $$
declare
  result jsonb;
  ids uuid[] := array(select (r.value ->> 'id')::uuid from jsonb_array_elements(desk.items(p, 'results')) as r);
  settled integer := 0;
begin
  perform from public.outbox where id = any(ids) order by id for update;
  for result in select r.value from jsonb_array_elements(desk.items(p, 'results')) as r loop
    settled := settled + desk.settle_row(result, p ->> 'worker')::integer;
  end loop;
  return jsonb_build_object('settled', settled);
end $$;
drop function desk.uncount_released(jsonb);

revoke all on all functions in schema public, desk from public, anon, authenticated;
grant execute on all functions in schema public, desk to service_role;

-- Our calls touch a few rows by key. What the planner knows of a table lags behind its growth, and a plan made while it
-- was small is kept by the connection: a scan that was cheap then makes turns slower with every conversation.
-- So reading a whole table is made the last resort in every call (the settings reach the functions called inside, too).
-- jit off: compiling costs more than our statements, and the settings above would provoke it before Postgres 18.
-- `create or replace function` forgets settings: a migration that replaces a public function repeats this block.

do $$
declare
  call regprocedure;
begin
  for call in select oid from pg_proc where pronamespace = 'public'::regnamespace and prokind = 'f' loop
    execute format('alter function %s set enable_seqscan = off', call);
    execute format('alter function %s set enable_hashjoin = off', call);
    execute format('alter function %s set enable_mergejoin = off', call);
    execute format('alter function %s set jit = off', call);
  end loop;
end $$;
