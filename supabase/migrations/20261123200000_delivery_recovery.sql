-- Taking over from a dead worker at once, giving rows back untouched, and rows that are no turn's.

drop function desk.claim_lane(uuid, text, text, double precision, integer);

create function desk.claim_lane(
  conversation uuid, lane text, claimer text, lease_seconds double precision, most integer, abandoned boolean
) returns jsonb
language plpgsql set search_path = '' as $$
declare
  item public.outbox;
  taken uuid[] := '{}';
  reconciling boolean := false;
begin
  -- The caller holds the conversation's row: no takeover and no other claim happens meanwhile.
  perform desk.cancel_void_rows(conversation);
  for item in
    select * from public.outbox
    where conversation_id = conversation and channel = lane and state in ('pending', 'sending', 'uncertain')
    order by seq limit most + 1
    for update
  loop
    exit when cardinality(taken) >= most or reconciling;
    exit when item.state = 'sending' and not abandoned and item.lease_until > now();
    exit when item.retry_at > now();
    -- What a dead worker held may have been sent: it comes alone, and whoever claims it finds out before sending.
    reconciling := item.state in ('sending', 'uncertain');
    exit when reconciling and (cardinality(taken) > 0 or item.reconcile_after > now());
    taken := taken || item.id;
  end loop;
  return desk.lease_rows(taken, claimer, lease_seconds, reconciling and cardinality(taken) > 0);
end $$;
comment on function desk.claim_lane is
  'Leases the next rows of a lane in order. Nothing passes a row that is under way, waits for its retry, or may have '
  'been sent; the latter comes alone, to be reconciled. abandoned: whoever holds the lane is known to be dead.';

create or replace function public.claim_outbox(p jsonb) returns jsonb
language plpgsql set search_path = '' as $$
declare
  conversation uuid;
begin
  select id into conversation from public.conversations
  where id = (p ->> 'conversation_id')::uuid for no key update;
  return jsonb_build_object('rows', case when found then desk.claim_lane(
    conversation, p ->> 'channel', p ->> 'worker', (p ->> 'lease_seconds')::double precision,
    coalesce((p ->> 'limit')::integer, 20), coalesce((p ->> 'abandoned')::boolean, false)) else '[]' end);
end $$;

create or replace function public.commit_turn(p jsonb) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v public.conversations;
  refused text;
  claimed jsonb := '[]';
begin
  select * into v from public.conversations where id = (p ->> 'conversation_id')::uuid for no key update;
  if not found then
    raise exception 'unknown conversation' using errcode = 'P0002', hint = 'It was erased; drop the turn.';
  end if;
  refused := desk.refusal(v, p);
  if refused is null then
    v := desk.commit_parts(v, p);
  end if;
  if refused is null or refused = 'repeated' then
    -- Repeated: the first answer was lost, so nobody works on the rows it leased.
    claimed := desk.claim_lane(
      v.id, 'whatsapp', p ->> 'worker', (p ->> 'lease_seconds')::double precision, 20, refused is not null);
  end if;
  return jsonb_build_object(
    'status', coalesce(refused, 'committed'), 'turn_no', v.turn_no, 'fence', v.fence, 'owner', v.owner,
    'claimed', claimed);
end $$;

create or replace function desk.settled_state(o public.outbox, outcome text, settler text) returns text
language sql immutable set search_path = ''
return case
  when outcome = 'sent' then case when desk.rank(o.state) >= 1 then o.state else 'sent' end
  when desk.rank(o.state) >= 1 then null
  -- Only the worker that holds the row knows whether its own attempt is to be repeated.
  when o.worker is distinct from settler or o.state not in ('sending', 'uncertain') then null
  when outcome in ('retry', 'released') then 'pending'
  when outcome in ('failed', 'uncertain', 'cancelled', 'dead') then outcome
end;

create function desk.uncount_released(p jsonb) returns void
language sql set search_path = ''
begin atomic
  update public.outbox as o
  set attempts = o.attempts - 1, retry_at = null
  from jsonb_to_recordset(desk.items(p, 'results')) as r(id uuid, status text)
  where o.id = r.id and r.status = 'released' and o.state = 'pending' and o.worker = p ->> 'worker'
    and o.attempts > 0;
end;

create or replace function public.settle_outbox(p jsonb) returns jsonb
language plpgsql set search_path = '' as $$
declare
  changed integer;
begin
  perform from public.outbox
  where id in (select (r ->> 'id')::uuid from jsonb_array_elements(desk.items(p, 'results')) as r)
  order by conversation_id, channel, seq for update;
  update public.outbox as o
  set state = desk.settled_state(o, r.status, p ->> 'worker'),
      vendor_id = coalesce(nullif(r.vendor_id, ''), o.vendor_id),
      vendor = coalesce(nullif(r.vendor, 'null'), o.vendor),
      error_code = case when r.status = 'sent' then o.error_code else r.error_code end,
      error_title = case when r.status = 'sent' then o.error_title else r.error_title end,
      retry_at = case when r.status = 'retry' then coalesce(to_timestamp(r.retry_at), now()) end,
      reconcile_after = case when r.status = 'uncertain' then coalesce(to_timestamp(r.reconcile_after), now()) end,
      lease_until = null,
      sent_at = case when r.status = 'sent' then least(o.sent_at, now()) else o.sent_at end,
      failed_at = case when r.status = 'failed' then least(o.failed_at, now()) else o.failed_at end
  from jsonb_to_recordset(desk.items(p, 'results')) as r(
    id uuid, status text, vendor_id text, error_code text, error_title text, retry_at double precision,
    reconcile_after double precision, vendor jsonb)
  where o.id = r.id and desk.settled_state(o, r.status, p ->> 'worker') is not null;
  get diagnostics changed = row_count;
  perform desk.uncount_released(p);
  return jsonb_build_object('settled', changed);
end $$;

alter table public.outbox alter column turn_id drop not null;

create function public.add_outbox(p jsonb) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v public.conversations;
  newest integer;
begin
  select * into v from public.conversations where id = (p ->> 'conversation_id')::uuid for no key update;
  if not found then
    return jsonb_build_object('added', 0);
  end if;
  newest := desk.store_outbox(v, p);
  update public.conversations set outbox_seq = newest where id = v.id;
  return jsonb_build_object('added', newest - v.outbox_seq);
end $$;
comment on function public.add_outbox is
  'Rows that no turn brings, such as a note about a message that could not be delivered; idempotent by row id.';

revoke all on all functions in schema public, desk from public, anon, authenticated;
grant execute on all functions in schema public, desk to service_role;
