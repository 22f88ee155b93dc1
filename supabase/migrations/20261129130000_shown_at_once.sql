-- What candidates say is in the record, and on its way to Chatwoot, before anybody has thought about it.

alter table public.messages add column awaits_turn boolean not null default false;
comment on column public.messages.awaits_turn is
  'Stored as it came and shown to recruiters; the turn that answers it has not been committed yet.';

create or replace function desk.transcript(conversation uuid, newest integer) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'message_id', m.message_id, 'author', m.author, 'kind', m.kind, 'text', m.text, 'choice_id', m.choice_id,
      'at', m.sent_at) order by m.id), '[]')
    from (
      select * from public.messages as all_messages
      where all_messages.conversation_id = conversation and (newest is null or not all_messages.awaits_turn)
      order by all_messages.id desc
      limit newest
    ) as m
  );
end $$;
comment on function desk.transcript is
  'The newest messages that turns have handled, oldest first; all of them, handled or not, when `newest` is null.';

create or replace function desk.conversation_state(conversation uuid, newest integer, asked text[]) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return (
    select jsonb_build_object(
      'conversation_id', v.id,
      'candidate_id', c.id,
      'address', v.address,
      'number_id', v.number_id,
      'turn_no', v.turn_no,
      'fence', v.fence,
      'owner', v.owner,
      'owner_since', v.owner_since,
      'owner_reason', v.owner_reason,
      'opted_out', c.opted_out_at is not null,
      'language', v.language,
      'stage', v.stage,
      'intake', v.intake,
      'window_expires_at', v.window_expires_at,
      'recipient', desk.recipient(c.id),
      'profile_name', c.profile_name,
      'username', c.username,
      'chatwoot', jsonb_build_object(
        'contact_id', coalesce(v.chatwoot_contact_id, 0),
        'conversation_id', coalesce(v.chatwoot_conversation_id, 0)),
      'facts', desk.current_facts(c.id),
      'consents', desk.latest_consents(c.id),
      'transcript', desk.transcript(v.id, newest),
      'seen', coalesce((
        select jsonb_agg(m.message_id) from public.messages as m
        where m.message_id = any(asked) and not m.awaits_turn), '[]'))
    from public.conversations as v
    join public.candidates as c on c.id = v.candidate_id
    where v.id = conversation
  );
end $$;

create or replace function desk.store_messages(conversation uuid, p jsonb) returns void
language plpgsql set search_path = '' as $$
begin
  -- Stored when they arrived: they keep their places, and what the turn understood of them (a transcript) is their text.
  update public.messages as known
  set text = coalesce(m.text, ''), payload = coalesce(m.payload, '{}'), awaits_turn = false
  from jsonb_to_recordset(desk.items(p, 'messages')) as m(message_id text, text text, payload jsonb)
  where known.message_id = m.message_id and known.awaits_turn;
  insert into public.messages (conversation_id, message_id, author, kind, text, choice_id, payload, sent_at)
  select conversation, m.message_id, m.author, m.kind, coalesce(m.text, ''), coalesce(m.choice_id, ''),
    coalesce(m.payload, '{}'), to_timestamp(m.sent_at)
  from rows from (
    jsonb_to_recordset(desk.items(p, 'messages')) as (
      message_id text, author text, kind text, text text, choice_id text, payload jsonb, sent_at double precision)
  ) with ordinality as m(message_id, author, kind, text, choice_id, payload, sent_at, position)
  order by m.position
  on conflict (message_id) do nothing;
end $$;

create function desk.store_arrivals(v public.conversations, p jsonb) returns integer
language plpgsql set search_path = '' as $$
declare
  fresh text[];
  -- Known already, where it is known: then nobody has to look it up for each row.
  place jsonb := case when v.chatwoot_conversation_id is null then '{}' else jsonb_build_object('desk', jsonb_build_object(
    'contact_id', coalesce(v.chatwoot_contact_id, 0), 'conversation_id', v.chatwoot_conversation_id)) end;
begin
  with arrived as (
    insert into public.messages (
      conversation_id, message_id, author, kind, text, choice_id, payload, sent_at, awaits_turn)
    select v.id, m.message_id, m.author, m.kind, coalesce(m.text, ''), coalesce(m.choice_id, ''),
      coalesce(m.payload, '{}'), to_timestamp(m.sent_at), true
    from rows from (
      jsonb_to_recordset(desk.items(p, 'messages')) as (
        message_id text, author text, kind text, text text, choice_id text, payload jsonb, sent_at double precision)
    ) with ordinality as m(message_id, author, kind, text, choice_id, payload, sent_at, position)
    order by m.position
    on conflict (message_id) do nothing
    returning message_id
  )
  select coalesce(array_agg(a.message_id), '{}') from arrived as a into fresh;
  -- A message that a turn has stored was shown by that turn.
  return desk.store_outbox(v, jsonb_build_object('outbox', (
    select coalesce(jsonb_agg(
      o.value || jsonb_build_object('body', (o.value -> 'body') || place) order by o.ordinality), '[]')
    from jsonb_array_elements(desk.items(p, 'outbox')) with ordinality as o
    where o.value #>> '{body,message_id}' = any(fresh))));
end $$;
comment on function desk.store_arrivals is 'Messages that are not known yet, with the rows that show them; the newest seq.';

create function public.show_arrivals(p jsonb) returns jsonb
language plpgsql set search_path = '' as $$
declare
  conversation uuid;
  v public.conversations;
  newest integer;
begin
  conversation := coalesce(desk.known_conversation(p), desk.admit(p));
  select * into v from public.conversations where id = conversation for no key update;
  if not found or v.merged_into is not null then
    return null;  -- joined to another in this very moment: the turn shows what it finds
  end if;
  perform desk.remember_names(conversation, p);  -- of the candidate, whose row is locked behind the conversation's
  newest := desk.store_arrivals(v, p);
  update public.conversations as c
  set outbox_seq = newest,
      window_expires_at = greatest(
        c.window_expires_at, to_timestamp((p ->> 'window_at')::double precision) + interval '24 hours')
  where c.id = v.id;
  return jsonb_build_object(
    'conversation_id', v.id, 'address', v.address, 'owner', v.owner,
    'claimed', desk.claim_lane(
      v.id, 'chatwoot', p ->> 'worker', (p ->> 'lease_seconds')::double precision, 20, false));
end $$;
comment on function public.show_arrivals is
  'Stores a candidate''s messages before their turn, with the rows that show them in Chatwoot, and claims that lane. '
  'Idempotent; what the turn commits later completes them. null: nothing was done, and nothing is lost by that.';

create function public.locate_conversation(p jsonb) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return jsonb_build_object('address', coalesce((
    select v.address
    from desk.aliases(p) as a
    join public.identities as i on i.kind = a.kind and i.value = a.value
    join public.conversations as v on v.candidate_id = i.candidate_id
    where v.number_id = p ->> 'number_id' and v.merged_into is null
    order by a.kind  -- a BSUID before a phone number, which changes hands
    limit 1), ''));
end $$;
comment on function public.locate_conversation is 'Address of the conversation with a known person; empty for others.';

create function public.hurry_outbox(p jsonb) returns jsonb
language plpgsql set search_path = '' as $$
declare
  hurried integer;
begin
  with waiting as (
    select id from public.outbox
    where channel = p ->> 'channel' and state in ('pending', 'uncertain')
      and greatest(retry_at, reconcile_after) > now()
    order by id for update skip locked
  )
  update public.outbox as o
  set retry_at = case when o.retry_at is not null then now() end,
      reconcile_after = case when o.reconcile_after is not null then now() end
  from waiting as w
  where o.id = w.id;
  get diagnostics hurried = row_count;
  return jsonb_build_object('hurried', hurried);
end $$;
comment on function public.hurry_outbox is 'After an outage nobody waits for a try that was put off because of it.';

revoke all on all functions in schema public, desk from public, anon, authenticated;
grant execute on all functions in schema public, desk to service_role;

-- As in steady_plans, whose settings a replaced function has lost.
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
