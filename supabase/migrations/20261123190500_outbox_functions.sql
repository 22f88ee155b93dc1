-- Delivery: claiming, settling, folding status reports.

create function public.claim_outbox(p jsonb) returns jsonb
language plpgsql set search_path = '' as $$
declare
  conversation uuid;
begin
  select id into conversation from public.conversations
  where id = (p ->> 'conversation_id')::uuid for no key update;
  return jsonb_build_object('rows', case when found then desk.claim_lane(
    conversation, p ->> 'channel', p ->> 'worker', (p ->> 'lease_seconds')::double precision,
    coalesce((p ->> 'limit')::integer, 20)) else '[]' end);
end $$;

create function public.due_outbox(p jsonb) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'conversation_id', d.conversation_id, 'address', d.address, 'channel', d.channel) order by d.created_at), '[]')
    from (
      select h.conversation_id, v.address, h.channel, h.created_at
      from (
        -- Only the first open row of a lane decides whether the lane can go on.
        select distinct on (o.conversation_id, o.channel)
          o.conversation_id, o.channel, o.state, o.retry_at, o.lease_until, o.reconcile_after, o.created_at
        from public.outbox as o
        where o.state in ('pending', 'sending', 'uncertain')
          and (p ->> 'channel' is null or o.channel = p ->> 'channel')
        order by o.conversation_id, o.channel, o.seq
      ) as h
      join public.conversations as v on v.id = h.conversation_id
      where case h.state
        when 'pending' then h.retry_at is null or h.retry_at <= now()
        when 'sending' then h.lease_until <= now()
        else h.reconcile_after <= now()
      end
      order by h.created_at
      limit coalesce((p ->> 'limit')::integer, 100)
    ) as d
  );
end $$;
comment on function public.due_outbox is 'Lanes that a worker should claim now, longest waiting first.';

create function desk.rank(state text) returns integer
language sql immutable parallel safe set search_path = ''
return case state
  when 'sent' then 1 when 'failed' then 2 when 'delivered' then 3 when 'read' then 4 when 'played' then 5 else 0 end;
comment on function desk.rank is
  'What is known of a sent message only grows: a failure outdoes "sent", a delivery disproves a failure.';

create function desk.settled_state(o public.outbox, outcome text, settler text) returns text
language sql immutable set search_path = ''
return case
  when outcome = 'sent' then case when desk.rank(o.state) >= 1 then o.state else 'sent' end
  when desk.rank(o.state) >= 1 then null
  -- Only the worker that holds the row knows whether its own attempt is to be repeated.
  when o.worker is distinct from settler or o.state not in ('sending', 'uncertain') then null
  when outcome = 'retry' then 'pending'
  when outcome in ('failed', 'uncertain', 'cancelled', 'dead') then outcome
end;
comment on function desk.settled_state is 'State after an outcome; null when the outcome comes too late to count.';

create function public.settle_outbox(p jsonb) returns jsonb
language plpgsql set search_path = '' as $$
declare
  changed integer;
begin
  perform from public.outbox
  where id = any(array(select (r ->> 'id')::uuid from jsonb_array_elements(desk.items(p, 'results')) as r))
  order by id for update;
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
  return jsonb_build_object('settled', changed);
end $$;
comment on function public.settle_outbox is 'Records the outcomes of vendor calls; never turns a sent row back.';

create function desk.reported_row(report jsonb) returns uuid
language plpgsql stable set search_path = '' as $$
declare
  ours uuid;
begin
  -- Others may write into the callback data as well.
  if report ->> 'outbox_id' ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' then
    select o.id into ours from public.outbox as o
    where o.id = (report ->> 'outbox_id')::uuid and o.channel = 'whatsapp';
  end if;
  if ours is null then
    select o.id into ours from public.outbox as o
    where o.vendor_id = report ->> 'wamid' and o.channel = 'whatsapp' limit 1;
  end if;
  return ours;
end $$;
comment on function desk.reported_row is 'The outbox row a status report is about, by our id or the vendor''s.';

create function desk.fold_report(row_id uuid, report jsonb) returns void
language plpgsql set search_path = '' as $$
declare
  status text := report ->> 'status';
  at timestamptz := to_timestamp((report ->> 'at')::double precision);
  code text := coalesce(report ->> 'error_code', '');
  o public.outbox;
begin
  select * into strict o from public.outbox as locked where locked.id = row_id;
  if desk.rank(status) = 0 then
    return;  -- a status this version does not know
  end if;
  -- Times keep the earliest report, of several failures the first counts: whichever order they come in.
  if status = 'failed' and ((o.failed_at, coalesce(o.error_code, '')) <= (at, code)) is not true then
    o.error_code := code;
    o.error_title := report ->> 'error_title';
  end if;
  if desk.rank(status) > desk.rank(o.state) then
    o.state := status;
  end if;
  update public.outbox as u
  set state = o.state,
      vendor_id = coalesce(o.vendor_id, report ->> 'wamid'),
      sent_at = least(o.sent_at, case when status = 'sent' then at end),
      delivered_at = least(o.delivered_at, case when status = 'delivered' then at end),
      read_at = least(o.read_at, case when status in ('read', 'played') then at end),
      failed_at = least(o.failed_at, case when status = 'failed' then at end),
      error_code = case when o.state = 'failed' then o.error_code end,
      error_title = case when o.state = 'failed' then o.error_title end,
      lease_until = null, retry_at = null, reconcile_after = null
  where u.id = row_id;
end $$;

create function desk.states(ids uuid[]) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return (select coalesce(jsonb_object_agg(o.id, o.state), '{}') from public.outbox as o where o.id = any(ids));
end $$;

create function public.fold_statuses(p jsonb) returns jsonb
language plpgsql set search_path = '' as $$
declare
  report jsonb;
  row_id uuid;
  ids uuid[] := '{}';
  known jsonb[] := '{}';
  unknown jsonb[] := '{}';
  before jsonb;
begin
  for report in select r.value from jsonb_array_elements(desk.items(p, 'statuses')) as r loop
    row_id := desk.reported_row(report);
    if row_id is null then
      unknown := unknown || report;
    else
      ids := ids || row_id;
      known := known || report;
    end if;
  end loop;
  perform from public.outbox where id = any(ids) order by id for update;
  before := desk.states(ids);
  for position in 1 .. cardinality(ids) loop
    perform desk.fold_report(ids[position], known[position]);
  end loop;
  return desk.folded(ids, before) || jsonb_build_object('folded', cardinality(ids), 'unknown', to_jsonb(unknown));
end $$;

create function desk.folded(ids uuid[], before jsonb) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return (
    select jsonb_build_object(
      'changed', coalesce(jsonb_agg(jsonb_build_object(
        'outbox_id', o.id, 'conversation_id', v.id, 'address', v.address, 'status', o.state)), '[]'),
      'failed', coalesce(jsonb_agg(jsonb_build_object(
        'outbox_id', o.id, 'conversation_id', v.id, 'address', v.address,
        'error_code', coalesce(o.error_code, ''))) filter (where o.state = 'failed'), '[]'))
    from public.outbox as o
    join public.conversations as v on v.id = o.conversation_id
    where o.id = any(ids) and o.state <> before ->> o.id::text
  );
end $$;
comment on function desk.folded is 'Which rows are in another state than before.';
comment on function public.fold_statuses is 'Folds delivery reports into the outbox; any order ends in the same state.';

create function public.dead_outbox(p jsonb) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(jsonb_agg(desk.outbox_entry(d) order by d.created_at desc), '[]')
    from (
      select * from public.outbox as o
      where o.state in ('failed', 'dead')
      order by o.created_at desc
      limit coalesce((p ->> 'limit')::integer, 100)
    ) as d
  );
end $$;

create function public.rearm_outbox(p jsonb) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v public.conversations;
begin
  select c.* into v
  from public.conversations as c
  join public.outbox as o on o.conversation_id = c.id
  where o.id = (p ->> 'id')::uuid for no key update of c;
  update public.outbox as o
  set state = 'pending', fence = v.fence, attempts = 0, worker = null, retry_at = null, reconcile_after = null,
      vendor_id = null, error_code = null, error_title = null, failed_at = null
  where o.id = (p ->> 'id')::uuid and o.state in ('failed', 'dead');
  return jsonb_build_object('rearmed', found);
end $$;
comment on function public.rearm_outbox is 'A person decided to send a given-up row once more, under today''s right to speak.';

create function public.record_quarantine(p jsonb) returns jsonb
language plpgsql set search_path = '' as $$
declare
  stored integer;
begin
  insert into public.quarantine (source, reason, body, digest, received_at)
  select i.source, i.reason, i.body, sha256(convert_to(i.source || ':' || i.body, 'UTF8')), to_timestamp(i.received_at)
  from jsonb_to_recordset(desk.items(p, 'items')) as i(
    source text, reason text, body text, received_at double precision)
  on conflict (digest) do nothing;
  get diagnostics stored = row_count;
  return jsonb_build_object('stored', stored);
end $$;

create function public.erase_candidate(p jsonb) returns jsonb
language plpgsql security definer set search_path = '' as $$
begin
  -- Runs as the tables' owner: the only lawful deletion of consent records. Everything else goes by cascade.
  perform set_config('desk.consents_may', 'erase', true);
  delete from public.candidates where id = (p ->> 'candidate_id')::uuid;
  perform set_config('desk.consents_may', '', true);
  return jsonb_build_object('erased', found);
end $$;
comment on function public.erase_candidate is 'Removes a person from every table. Redis, Chatwoot and files are erased by the service.';

create function public.schema_version(p jsonb default '{}') returns jsonb
language plpgsql stable security definer set search_path = '' as $$
begin
  -- The migrations' own table is nobody else's to read.
  return (select to_jsonb(max(m.version)) from supabase_migrations.schema_migrations as m);
end $$;
comment on function public.schema_version is 'Version of the newest applied migration; readiness asks for it.';
