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
language sql stable set search_path = ''
begin atomic
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
  ) as d;
end;
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
  return jsonb_build_object('settled', changed);
end $$;
comment on function public.settle_outbox is 'Records the outcomes of vendor calls; never turns a sent row back.';

create function desk.reports(p jsonb)
returns table (report jsonb, row_id uuid, wamid text, status text, at timestamptz, code text, title text)
language sql stable set search_path = ''
begin atomic
  select s.report, coalesce(by_id.id, by_vendor.id), s.report ->> 'wamid', s.report ->> 'status',
    to_timestamp((s.report ->> 'at')::double precision), coalesce(s.report ->> 'error_code', ''),
    s.report ->> 'error_title'
  from jsonb_array_elements(desk.items(p, 'statuses')) as s(report)
  left join public.outbox as by_id
    on by_id.channel = 'whatsapp' and by_id.id = case
      -- Others may write into the callback data as well.
      when s.report ->> 'outbox_id' ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
      then (s.report ->> 'outbox_id')::uuid end
  left join lateral (
    select v.id from public.outbox as v
    where by_id.id is null and v.vendor_id = s.report ->> 'wamid' and v.channel = 'whatsapp'
    limit 1
  ) as by_vendor on true;
end;
comment on function desk.reports is 'Status reports with the outbox row each is about, found by our id or the vendor''s.';

create function desk.fold_reports(p jsonb) returns jsonb
language sql set search_path = ''
begin atomic
  with reports as materialized (
    select * from desk.reports(p)
  ), known as (
    select r.row_id,
      max(desk.rank(r.status)) as rank,
      (array_agg(r.status order by desk.rank(r.status) desc))[1] as status,
      min(r.wamid) as wamid,
      min(r.at) filter (where r.status = 'sent') as sent_at,
      min(r.at) filter (where r.status = 'delivered') as delivered_at,
      min(r.at) filter (where r.status in ('read', 'played')) as read_at,
      -- Of several failures the first counts, whichever order they come in.
      (array_agg(r.at order by r.at, r.code) filter (where r.status = 'failed'))[1] as failed_at,
      (array_agg(r.code order by r.at, r.code) filter (where r.status = 'failed'))[1] as code,
      (array_agg(r.title order by r.at, r.code) filter (where r.status = 'failed'))[1] as title
    from reports as r
    where r.row_id is not null and desk.rank(r.status) > 0
    group by r.row_id
  ), before as (
    select o.id, o.state from public.outbox as o join known as k on k.row_id = o.id
  ), after as (
    update public.outbox as o
    set state = case when k.rank > desk.rank(o.state) then k.status else o.state end,
        vendor_id = coalesce(o.vendor_id, k.wamid),
        sent_at = least(o.sent_at, k.sent_at),
        delivered_at = least(o.delivered_at, k.delivered_at),
        read_at = least(o.read_at, k.read_at),
        failed_at = least(o.failed_at, k.failed_at),
        error_code = case
          when greatest(k.rank, desk.rank(o.state)) <> 2 then null
          when (o.failed_at, coalesce(o.error_code, '')) <= (k.failed_at, k.code) or k.code is null then o.error_code
          else k.code end,
        error_title = case
          when greatest(k.rank, desk.rank(o.state)) <> 2 then null
          when (o.failed_at, coalesce(o.error_code, '')) <= (k.failed_at, k.code) or k.code is null then o.error_title
          else k.title end,
        lease_until = null, retry_at = null, reconcile_after = null
    from known as k
    where o.id = k.row_id
    returning o.*
  ), changed as (
    select a.*, v.address
    from after as a
    join before as b on b.id = a.id and b.state <> a.state
    join public.conversations as v on v.id = a.conversation_id
  )
  select jsonb_build_object(
    'folded', (select count(*) from reports as r where r.row_id is not null),
    'unknown', (select coalesce(jsonb_agg(r.report), '[]') from reports as r where r.row_id is null),
    'failed', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'outbox_id', c.id, 'conversation_id', c.conversation_id, 'address', c.address,
        'error_code', coalesce(c.error_code, ''))), '[]')
      from changed as c where c.state = 'failed'),
    'changed', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'outbox_id', c.id, 'conversation_id', c.conversation_id, 'address', c.address, 'status', c.state)), '[]')
      from changed as c));
end;

create function public.fold_statuses(p jsonb) returns jsonb
language plpgsql set search_path = '' as $$
begin
  perform from public.outbox
  where id in (select r.row_id from desk.reports(p) as r)
  order by conversation_id, channel, seq for update;
  return desk.fold_reports(p);
end $$;
comment on function public.fold_statuses is 'Folds delivery reports into the outbox; any order ends in the same state.';

create function public.dead_outbox(p jsonb) returns jsonb
language sql stable set search_path = ''
begin atomic
  select coalesce(jsonb_agg(desk.outbox_entry(d) order by d.created_at desc), '[]')
  from (
    select * from public.outbox as o
    where o.state in ('failed', 'dead')
    order by o.created_at desc
    limit coalesce((p ->> 'limit')::integer, 100)
  ) as d;
end;

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
