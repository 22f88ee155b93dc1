-- Committing a turn: everything it changes, once, or nothing.

create function desk.claim_lane(
  conversation uuid, lane text, claimer text, lease_seconds double precision, most integer
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
    if item.state = 'sending' and item.lease_until <= now() then
      -- Its worker died or froze between the vendor call and the receipt: it may have been sent. A status report
      -- gets half a minute to say so before anybody asks the vendor.
      update public.outbox
      set state = 'uncertain', reconcile_after = now() + interval '30 seconds', lease_until = null
      where id = item.id;
      exit;
    end if;
    exit when item.state = 'sending' or item.retry_at > now();
    reconciling := item.state = 'uncertain';
    exit when reconciling and (cardinality(taken) > 0 or item.reconcile_after > now());
    taken := taken || item.id;
  end loop;
  return desk.lease_rows(taken, claimer, lease_seconds, reconciling and cardinality(taken) > 0);
end $$;
comment on function desk.claim_lane is
  'Leases the next rows of a lane in order. Nothing passes a row that is under way, waits for its retry, or may have '
  'been sent; the latter comes alone, to be reconciled, once its time has come.';

create function desk.cancel_void_rows(conversation uuid) returns void
language plpgsql set search_path = '' as $$
begin
  -- All rows that a claim may touch, in the order everybody locks rows in.
  perform from public.outbox
  where conversation_id = conversation and state in ('pending', 'sending', 'uncertain')
  order by id for update;
  with void as (
    update public.outbox as o
    set state = 'cancelled', retry_at = null
    from public.conversations as v
    join public.candidates as c on c.id = v.candidate_id
    where v.id = conversation and o.conversation_id = v.id and o.channel = 'whatsapp' and o.state = 'pending'
      and o.author = 'assistant' and (o.fence < v.fence or o.created_at < c.opted_out_at)
    returning o.id
  )
  update public.outbox as o
  set state = 'cancelled', retry_at = null
  from void
  where o.mirrors = void.id and o.state = 'pending';
end $$;
comment on function desk.cancel_void_rows is
  'What the assistant had not sent when it lost the right to speak, or when the candidate said STOP, is not sent.';

create function desk.lease_rows(ids uuid[], claimer text, lease_seconds double precision, reconciling boolean)
returns jsonb
language plpgsql set search_path = '' as $$
declare
  answer jsonb;
begin
  with leased as (
    update public.outbox as o
    set state = 'sending', worker = claimer, lease_until = now() + make_interval(secs => lease_seconds),
        retry_at = null, reconcile_after = null, attempts = o.attempts + 1
    where o.id = any(ids)
    returning o.*
  )
  select coalesce(jsonb_agg(jsonb_build_object(
    'id', l.id, 'seq', l.seq, 'kind', l.kind, 'author', l.author, 'body', l.body, 'fence', l.fence,
    'attempts', l.attempts, 'created_at', l.created_at, 'reconcile', reconciling) order by l.seq), '[]')
  from leased as l
  into answer;
  return answer;
end $$;

create function desk.store_messages(conversation uuid, p jsonb) returns void
language plpgsql set search_path = '' as $$
begin
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

create function desk.store_facts(candidate uuid, p jsonb) returns void
language plpgsql set search_path = '' as $$
begin
  update public.profile_facts as f
  set superseded_at = now()
  where f.id in (select t.id::uuid from unnest(desk.texts(p, 'retract')) as t(id))
    and f.candidate_id = candidate and f.superseded_at is null;
  insert into public.profile_facts (
    id, candidate_id, field, value, quote, message_id, document_page, source, confidence, confirmed, policy_version)
  select coalesce(f.id, gen_random_uuid()), candidate, f.field, coalesce(f.value, 'null'), f.quote, f.message_id,
    f.document_page, f.source, f.confidence, coalesce(f.confirmed, false),
    coalesce(p #>> '{decision,policy_version}', '')
  from jsonb_to_recordset(desk.items(p, 'facts')) as f(
    id uuid, field text, value jsonb, quote text, message_id text, document_page integer, source text,
    confidence real, confirmed boolean)
  on conflict (id) do nothing;
end $$;

create function desk.store_consents(candidate uuid, p jsonb) returns void
language plpgsql set search_path = '' as $$
begin
  insert into public.consent_records (candidate_id, purpose, granted, text_version, language, message_id, method)
  select candidate, c.purpose, c.granted, c.text_version, c.language, c.message_id, c.method
  from rows from (
    jsonb_to_recordset(desk.items(p, 'consents')) as (
      purpose text, granted boolean, text_version text, language text, message_id text, method text)
  ) with ordinality as c(purpose, granted, text_version, language, message_id, method, position)
  order by c.position;
  update public.candidates as k
  set opted_out_at = case when (p ->> 'opted_out')::boolean then coalesce(k.opted_out_at, now()) end,
      updated_at = now()
  where k.id = candidate and (p ->> 'opted_out')::boolean is distinct from (k.opted_out_at is not null)
    and (p ->> 'opted_out') is not null;
end $$;

create function desk.store_application(candidate uuid, a jsonb) returns void
language plpgsql set search_path = '' as $$
declare
  vacancy uuid;
begin
  select v.id into vacancy from public.vacancies as v where v.code = a ->> 'vacancy';
  if vacancy is null then
    raise exception 'unknown vacancy' using errcode = 'P0002', hint = 'Create the vacancy first.';
  end if;
  insert into public.applications as existing (candidate_id, vacancy_id, status, must_have_results, reasons, score)
  values (candidate, vacancy, coalesce(a ->> 'status', 'new'), desk.items(a, 'must_have_results'),
    desk.items(a, 'reasons'), nullif(a -> 'score', 'null'))
  on conflict (candidate_id, vacancy_id) do update
  set status = coalesce(a ->> 'status', existing.status),
      must_have_results = coalesce(nullif(a -> 'must_have_results', 'null'), existing.must_have_results),
      reasons = coalesce(nullif(a -> 'reasons', 'null'), existing.reasons),
      score = coalesce(nullif(a -> 'score', 'null'), existing.score),
      updated_at = now();
end $$;

create function desk.store_decision(conversation uuid, p jsonb) returns void
language plpgsql set search_path = '' as $$
begin
  insert into public.turns (
    id, conversation_id, turn_no, worker, router, tier, model, prompt_version, policy_version, input_tokens,
    output_tokens, cost_usd, latency_ms, checkpoint_id, coalesced, restarts, details)
  select (p ->> 'turn_id')::uuid, conversation, (p ->> 'turn_no')::integer + 1, p ->> 'worker', d.router, d.tier,
    d.model, d.prompt_version, d.policy_version, d.input_tokens, d.output_tokens, d.cost_usd, d.latency_ms,
    d.checkpoint_id, d.coalesced, d.restarts,
    coalesce(p -> 'decision', '{}') - array[
      'router', 'tier', 'model', 'prompt_version', 'policy_version', 'input_tokens', 'output_tokens', 'cost_usd',
      'latency_ms', 'checkpoint_id', 'coalesced', 'restarts']
  from jsonb_to_record(coalesce(p -> 'decision', '{}')) as d(
    router jsonb, tier text, model text, prompt_version text, policy_version text, input_tokens integer,
    output_tokens integer, cost_usd numeric, latency_ms double precision, checkpoint_id text, coalesced integer,
    restarts integer);
end $$;

create function desk.store_outbox(v public.conversations, p jsonb) returns integer
language plpgsql set search_path = '' as $$
declare
  answer integer;
begin
  with stored as (
    insert into public.outbox (id, conversation_id, turn_id, channel, seq, kind, author, body, mirrors, fence)
    select o.id, v.id, (p ->> 'turn_id')::uuid, o.channel, v.outbox_seq + o.position, o.kind, o.author, o.body,
      o.mirrors, v.fence
    from rows from (
      jsonb_to_recordset(desk.items(p, 'outbox')) as (
        id uuid, channel text, kind text, author text, body jsonb, mirrors uuid)
    ) with ordinality as o(id, channel, kind, author, body, mirrors, position)
    on conflict (id) do nothing
    returning seq
  )
  select coalesce(max(s.seq), v.outbox_seq) from stored as s
  into answer;
  return answer;
end $$;
comment on function desk.store_outbox is 'Appends rows to the lanes; returns the newest seq of the conversation.';

create function desk.refusal(v public.conversations, p jsonb) returns text
language plpgsql stable set search_path = '' as $$
begin
  return (
    select case
      when exists (select from public.turns as t where t.id = (p ->> 'turn_id')::uuid) then 'repeated'
      when v.merged_into is not null or v.turn_no <> (p ->> 'turn_no')::integer then 'stale'
      when v.fence <> (p ->> 'fence')::integer then 'taken_over'
      when v.owner <> 'assistant' and p #>> '{owner,owner}' is distinct from 'assistant' and exists (
        select from jsonb_to_recordset(desk.items(p, 'outbox')) as o(channel text, author text)
        where o.channel = 'whatsapp' and o.author = 'assistant') then 'taken_over'
    end
  );
end $$;
comment on function desk.refusal is 'Why this turn must write nothing; null when it may.';

create function desk.commit_parts(v public.conversations, p jsonb) returns public.conversations
language plpgsql set search_path = '' as $$
declare
  asked_owner text := p #>> '{owner,owner}';
begin
  if asked_owner is not null then
    if asked_owner <> v.owner then
      v.fence := v.fence + 1;
      v.owner_since := now();
    end if;
    v.owner := asked_owner;
    v.owner_reason := coalesce(p #>> '{owner,reason}', '');
  end if;
  perform desk.store_messages(v.id, p);
  perform desk.store_facts(v.candidate_id, p);
  perform desk.store_consents(v.candidate_id, p);
  if p -> 'application' is distinct from 'null' and p ? 'application' then
    perform desk.store_application(v.candidate_id, p -> 'application');
  end if;
  perform desk.store_decision(v.id, p);
  v.turn_no := v.turn_no + 1;
  v.outbox_seq := desk.store_outbox(v, p);
  update public.conversations as c
  set turn_no = v.turn_no, fence = v.fence, outbox_seq = v.outbox_seq,
      owner = v.owner, owner_since = v.owner_since, owner_reason = v.owner_reason,
      language = coalesce(p ->> 'language', c.language),
      stage = coalesce(p ->> 'stage', c.stage),
      intake = coalesce(nullif(p -> 'intake', 'null'), c.intake),
      -- The service window: 24 hours from the candidate's newest message.
      window_expires_at = greatest(
        c.window_expires_at, to_timestamp((p ->> 'window_at')::double precision) + interval '24 hours'),
      chatwoot_contact_id = coalesce(nullif((p #>> '{chatwoot,contact_id}')::bigint, 0), c.chatwoot_contact_id),
      chatwoot_conversation_id =
        coalesce(nullif((p #>> '{chatwoot,conversation_id}')::bigint, 0), c.chatwoot_conversation_id),
      updated_at = now()
  where c.id = v.id;
  return v;
end $$;

create function public.commit_turn(p jsonb) returns jsonb
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
    claimed := desk.claim_lane(v.id, 'whatsapp', p ->> 'worker', (p ->> 'lease_seconds')::double precision, 20);
  end if;
  return jsonb_build_object(
    'status', coalesce(refused, 'committed'), 'turn_no', v.turn_no, 'fence', v.fence, 'owner', v.owner,
    'claimed', claimed);
end $$;
comment on function public.commit_turn is
  'Writes a turn once: committed, or repeated (written before), stale, taken_over, of which none writes a thing.';
