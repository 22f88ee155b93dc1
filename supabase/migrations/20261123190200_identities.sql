-- Who is this? Finds, creates and joins candidates by WhatsApp's identities.
--
-- Locks are always taken in this order, so that no two transactions wait for each other:
-- identities (advisory, sorted) → conversations (by id) → candidates (by id) → outbox (by id, which no merge changes).

create function desk.items(p jsonb, key text) returns jsonb
language sql immutable parallel safe set search_path = ''
return coalesce(nullif(p -> key, 'null'::jsonb), '[]'::jsonb);
comment on function desk.items is 'The array under a key; empty when it is missing or null.';

create function desk.texts(p jsonb, key text) returns text[]
language sql immutable parallel safe set search_path = ''
begin atomic
  select coalesce(array_agg(t.item), '{}') from jsonb_array_elements_text(desk.items(p, key)) as t(item);
end;

create function desk.aliases(p jsonb) returns table (kind text, value text, current boolean)
language plpgsql immutable rows 3 set search_path = '' as $$
begin
  return query
  select a.kind, a.value, bool_or(a.current)
  from (
    values
      ('bsuid', p ->> 'bsuid', true),
      ('parent_bsuid', p ->> 'parent_bsuid', true),
      ('wa_id', p ->> 'wa_id', true),
      ('bsuid', p #>> '{previous,bsuid}', false),
      ('parent_bsuid', p #>> '{previous,parent_bsuid}', false),
      ('wa_id', p #>> '{previous,wa_id}', false)
  ) as a(kind, value, current)
  where a.value <> ''
  group by a.kind, a.value;
end $$;
comment on function desk.aliases is 'The identities a request names; those of `previous` are not current.';

create function desk.known_conversation(p jsonb) returns uuid
language plpgsql stable set search_path = '' as $$
declare
  candidate uuid;
  nothing_new boolean;
begin
  -- Every alias belongs to one candidate and the current ones are the newest of their kind: nothing to write.
  select (array_agg(i.candidate_id))[1],
    count(*) = count(i.candidate_id) and count(distinct i.candidate_id) = 1 and not bool_or(a.current and exists (
      select from public.identities as newer
      where newer.candidate_id = i.candidate_id and newer.kind = i.kind and newer.linked_at > i.linked_at))
  into candidate, nothing_new
  from desk.aliases(p) as a
  left join public.identities as i on i.kind = a.kind and i.value = a.value;
  if not nothing_new then
    return null;
  end if;
  return (
    select v.id
    from public.conversations as v
    join public.addresses as d on d.conversation_id = v.id
    where v.candidate_id = candidate and v.number_id = p ->> 'number_id' and v.merged_into is null
      and d.address = p ->> 'address'
  );
end $$;
comment on function desk.known_conversation is 'The ordinary case, without a lock; null when something must be written.';

create function desk.candidates_named(p jsonb) returns uuid[]
language plpgsql stable set search_path = '' as $$
begin
  return (
    -- A phone number alone proves nothing against a BSUID: WhatsApp gives a new BSUID to whoever takes a number over,
    -- so a candidate known by other BSUIDs only is somebody else, whose record the newcomer must not see.
    select coalesce(array_agg(c.id order by c.created_at, c.id), '{}')
    from public.candidates as c
    where c.id in (
      select i.candidate_id
      from desk.aliases(p) as a
      join public.identities as i on i.kind = a.kind and i.value = a.value
      where a.kind <> 'wa_id'
        or not a.current
        or not exists (select from desk.aliases(p) as asked where asked.kind = 'bsuid')
        or not exists (
          select from public.identities as own where own.candidate_id = i.candidate_id and own.kind = 'bsuid')
        or exists (
          select from public.identities as own
          join desk.aliases(p) as asked on asked.kind = own.kind and asked.value = own.value
          where own.candidate_id = i.candidate_id and own.kind = 'bsuid')
    )
  );
end $$;
comment on function desk.candidates_named is 'Candidates that the request''s identities belong to, oldest first.';

create function desk.lock_identities(p jsonb) returns void
language plpgsql set search_path = '' as $$
declare
  lock_key bigint;
begin
  for lock_key in
    select distinct hashtextextended(a.kind || ':' || a.value, 0) as k from desk.aliases(p) as a order by k
  loop
    perform pg_advisory_xact_lock(lock_key);
  end loop;
end $$;

create function desk.merge_conversations(keeper uuid, other uuid) returns void
language plpgsql set search_path = '' as $$
declare
  k public.conversations;
  o public.conversations;
  newest public.conversations;
  owner_moves boolean;
  new_fence integer;
begin
  -- Both conversations and the rows of the other are locked by now.
  select * into strict k from public.conversations where id = keeper;
  select * into strict o from public.conversations where id = other;
  if o.updated_at > k.updated_at and o.intake <> '{}' then newest := o; else newest := k; end if;
  owner_moves := o.owner = 'human' and k.owner <> 'human';
  new_fence := case when owner_moves then greatest(k.fence, o.fence) + 1 else k.fence end;

  -- A pending row of the assistant stays valid only where the assistant may still speak.
  update public.outbox
  set conversation_id = keeper,
      seq = seq + k.outbox_seq,
      fence = case when owner_moves or k.owner <> 'assistant' then -1 else new_fence end
  where conversation_id = other;
  update public.messages set conversation_id = keeper where conversation_id = other;
  update public.turns set conversation_id = keeper where conversation_id = other;
  update public.addresses set conversation_id = keeper where conversation_id = other;
  update public.conversations
  set turn_no = k.turn_no + 1,  -- a turn under way on either side has not seen the other: it starts over
      fence = new_fence,
      outbox_seq = k.outbox_seq + o.outbox_seq,
      owner = case when owner_moves then o.owner else k.owner end,
      owner_since = case when owner_moves then o.owner_since else k.owner_since end,
      owner_reason = case when owner_moves then o.owner_reason else k.owner_reason end,
      language = coalesce(newest.language, k.language, o.language),
      stage = newest.stage,
      intake = newest.intake,
      window_expires_at = greatest(k.window_expires_at, o.window_expires_at),
      chatwoot_contact_id = coalesce(k.chatwoot_contact_id, o.chatwoot_contact_id),
      chatwoot_conversation_id = coalesce(k.chatwoot_conversation_id, o.chatwoot_conversation_id),
      updated_at = now()
  where id = keeper;
  update public.conversations set merged_into = keeper, updated_at = now() where id = other or merged_into = other;
end $$;

create function desk.repoint_consents(keeper uuid, other uuid) returns void
language plpgsql security definer set search_path = '' as $$
begin
  perform set_config('desk.consents_may', 'move', true);
  update public.consent_records set candidate_id = keeper where candidate_id = other;
  perform set_config('desk.consents_may', '', true);
end $$;
comment on function desk.repoint_consents is 'The one lawful update of consent records; the trigger lets its owner pass.';

create function desk.merge_candidates(keeper uuid, others uuid[]) returns void
language plpgsql set search_path = '' as $$
declare
  lone public.conversations;
  twin uuid;
begin
  perform from public.outbox
  where conversation_id in (select id from public.conversations where candidate_id = any(others))
  order by id for update;
  for lone in
    select * from public.conversations where candidate_id = any(others) and merged_into is null order by id
  loop
    select id into twin from public.conversations
    where candidate_id = keeper and number_id = lone.number_id and merged_into is null;
    if twin is not null then
      perform desk.merge_conversations(twin, lone.id);
    end if;
    update public.conversations set candidate_id = keeper where id = lone.id;
  end loop;
  update public.identities set candidate_id = keeper where candidate_id = any(others);
  update public.profile_facts set candidate_id = keeper where candidate_id = any(others);
  update public.documents as d set candidate_id = keeper where d.candidate_id = any(others) and not exists (
    select from public.documents as own where own.candidate_id = keeper and own.sha256 = d.sha256);
  update public.applications as a set candidate_id = keeper where a.candidate_id = any(others) and not exists (
    select from public.applications as own where own.candidate_id = keeper and own.vacancy_id = a.vacancy_id);
  perform desk.repoint_consents(keeper, o.id) from unnest(others) as o(id);
  update public.candidates as k
  set opted_out_at = (select max(c.opted_out_at) from public.candidates as c where c.id = keeper or c.id = any(others)),
      updated_at = now()
  where k.id = keeper;
  update public.candidates set merged_into = keeper, updated_at = now()
  where id = any(others) or merged_into = any(others);
end $$;

create function desk.lock_people(people uuid[]) returns boolean
language plpgsql set search_path = '' as $$
declare
  theirs uuid[];
begin
  -- Those that were merged into them, too: a merge points them on.
  select coalesce(array_agg(v.id), '{}') into theirs from (
    select id from public.conversations where candidate_id = any(people) order by id for no key update) as v;
  perform from public.candidates
  where id = any(people) or merged_into = any(people) order by id for no key update;
  return not exists (select from public.candidates where id = any(people) and merged_into is not null)
    and not exists (select from public.conversations where candidate_id = any(people) and id <> all(theirs));
end $$;
comment on function desk.lock_people is 'False when somebody was merged, or began a conversation, while we waited.';

create function desk.join_candidates(p jsonb) returns uuid
language plpgsql set search_path = '' as $$
declare
  named uuid[];
begin
  -- Under the locks of all identities asked. Another request may join the same people by other identities meanwhile;
  -- then the locks are given back (with the block that took them) before they are taken anew, in their order.
  loop
    named := desk.candidates_named(p);
    begin
      if cardinality(named) = 0 then
        insert into public.candidates default values returning array[id] into named;
      elsif not desk.lock_people(named) or desk.candidates_named(p) <> named then
        raise exception using errcode = 'DK001', message = 'changed meanwhile';
      elsif cardinality(named) > 1 then
        perform desk.merge_candidates(named[1], named[2:]);
      end if;
      return named[1];
    exception when sqlstate 'DK001' then
      null;
    end;
  end loop;
end $$;
comment on function desk.join_candidates is 'The one candidate the identities belong to; several are merged into the oldest.';

create function desk.link_identities(candidate uuid, p jsonb) returns void
language plpgsql set search_path = '' as $$
begin
  -- A number that changed hands moves to its new holder. The newest of a kind is where replies go, so the identity
  -- that just wrote becomes the newest and one that is only remembered does not.
  insert into public.identities as i (kind, value, candidate_id, linked_at)
  select a.kind, a.value, candidate, case when a.current then clock_timestamp() else '-infinity' end
  from desk.aliases(p) as a
  order by a.kind, a.value
  on conflict (kind, value) do update
    set candidate_id = excluded.candidate_id,
        linked_at = case when excluded.linked_at = '-infinity' then i.linked_at else excluded.linked_at end;
end $$;

create function desk.admit(p jsonb) returns uuid
language plpgsql set search_path = '' as $$
declare
  candidate uuid;
  conversation uuid;
  holder uuid;
begin
  perform desk.lock_identities(p);
  candidate := desk.join_candidates(p);
  perform desk.link_identities(candidate, p);

  select id into conversation from public.conversations
  where candidate_id = candidate and number_id = p ->> 'number_id' and merged_into is null;
  insert into public.addresses (address, conversation_id) select p ->> 'address', conversation where conversation is not null
  on conflict (address) do nothing;
  if conversation is not null then
    return conversation;
  end if;

  conversation := gen_random_uuid();
  select conversation_id into holder from public.addresses where address = p ->> 'address';
  insert into public.conversations (id, candidate_id, number_id, address)
  values (conversation, candidate, p ->> 'number_id',
    -- The address of a number that changed hands stays with the former holder's conversation.
    (p ->> 'address') || case when holder is null then '' else '.' || left(conversation::text, 8) end);
  insert into public.addresses (address, conversation_id)
  select address, id from public.conversations where id = conversation;
  return conversation;
end $$;
comment on function desk.admit is 'Finds or creates candidate and conversation, joining what belongs to one person.';
