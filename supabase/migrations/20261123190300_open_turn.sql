-- Opening a turn: all it needs in one round trip.

create function desk.current_facts(candidate uuid) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'id', f.id, 'field', f.field, 'value', f.value, 'quote', f.quote, 'message_id', f.message_id,
      'document_page', f.document_page, 'source', f.source, 'confidence', f.confidence, 'confirmed', f.confirmed,
      'at', f.created_at) order by f.created_at, f.id), '[]')
    from public.profile_facts as f
    where f.candidate_id = candidate and f.superseded_at is null
  );
end $$;

create function desk.latest_consents(candidate uuid) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'purpose', c.purpose, 'granted', c.granted, 'text_version', c.text_version, 'at', c.created_at)
      order by c.purpose), '[]')
    from (
      select distinct on (r.purpose) r.purpose, r.granted, r.text_version, r.created_at
      from public.consent_records as r
      where r.candidate_id = candidate
      order by r.purpose, r.id desc
    ) as c
  );
end $$;

create function desk.transcript(conversation uuid, newest integer) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'message_id', m.message_id, 'author', m.author, 'kind', m.kind, 'text', m.text, 'choice_id', m.choice_id,
      'at', m.sent_at) order by m.id), '[]')
    from (
      select * from public.messages as all_messages
      where all_messages.conversation_id = conversation
      order by all_messages.id desc
      limit newest
    ) as m
  );
end $$;
comment on function desk.transcript is 'The newest messages, oldest first; all of them when `newest` is null.';

create function desk.recipient(candidate uuid) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(jsonb_object_agg(i.kind, i.value), '{}')
    from (
      select distinct on (n.kind) n.kind, n.value
      from public.identities as n
      where n.candidate_id = candidate and n.kind in ('bsuid', 'wa_id')
      order by n.kind, n.linked_at desc
    ) as i
  );
end $$;

create function desk.conversation_state(conversation uuid, newest integer, asked text[]) returns jsonb
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
      'seen', coalesce(
        (select jsonb_agg(m.message_id) from public.messages as m where m.message_id = any(asked)), '[]'))
    from public.conversations as v
    join public.candidates as c on c.id = v.candidate_id
    where v.id = conversation
  );
end $$;

create function desk.remember_names(conversation uuid, p jsonb) returns void
language plpgsql set search_path = '' as $$
begin
  update public.candidates as c
  set profile_name = coalesce(nullif(p ->> 'profile_name', ''), c.profile_name),
      username = coalesce(nullif(p ->> 'username', ''), c.username),
      updated_at = now()
  from public.conversations as v
  where v.id = conversation and c.id = v.candidate_id
    and ((p ->> 'profile_name' <> '' and p ->> 'profile_name' <> c.profile_name)
      or (p ->> 'username' <> '' and p ->> 'username' <> c.username));
end $$;

create function public.open_turn(p jsonb) returns jsonb
language plpgsql set search_path = '' as $$
declare
  conversation uuid;
begin
  if concat(p ->> 'bsuid', p ->> 'parent_bsuid', p ->> 'wa_id') <> '' then
    conversation := coalesce(desk.known_conversation(p), desk.admit(p));
    perform desk.remember_names(conversation, p);
  else
    select a.conversation_id into conversation from public.addresses as a where a.address = p ->> 'address';
  end if;
  return desk.conversation_state(conversation, 20, desk.texts(p, 'message_ids'));
end $$;
comment on function public.open_turn is
  'Loads a conversation. {address, number_id, bsuid?, parent_bsuid?, wa_id?, previous?, profile_name?, username?, '
  'message_ids} creates what is unknown; {address} alone only looks up and may return null.';

create function public.set_chatwoot(p jsonb) returns jsonb
language plpgsql set search_path = '' as $$
begin
  update public.conversations as v
  set chatwoot_contact_id = coalesce((p ->> 'contact_id')::bigint, v.chatwoot_contact_id),
      chatwoot_conversation_id = coalesce((p ->> 'conversation_display_id')::bigint, v.chatwoot_conversation_id)
  where v.id = (
    select coalesce(asked.merged_into, asked.id) from public.conversations as asked
    where asked.id = (p ->> 'conversation_id')::uuid);
  return '{}';
end $$;

create function public.conversation_view(p jsonb) returns jsonb
language plpgsql stable set search_path = '' as $$
declare
  conversation uuid;
begin
  if p ? 'conversation_id' then
    select coalesce(v.merged_into, v.id) into conversation
    from public.conversations as v where v.id = (p ->> 'conversation_id')::uuid;
  else
    select a.conversation_id into conversation from public.addresses as a where a.address = p ->> 'address';
  end if;
  return desk.conversation_state(conversation, null, '{}') || jsonb_build_object(
    'addresses', (
      select jsonb_agg(a.address order by a.created_at, a.address)
      from public.addresses as a where a.conversation_id = conversation),
    'turns', (
      select coalesce(jsonb_agg(desk.turn_entry(t) order by t.turn_no, t.committed_at), '[]')
      from public.turns as t where t.conversation_id = conversation),
    'outbox', (
      select coalesce(jsonb_agg(desk.outbox_entry(o) order by o.seq), '[]')
      from public.outbox as o where o.conversation_id = conversation));
end $$;
comment on function public.conversation_view is 'Everything of one conversation, by address or conversation_id.';

create function desk.turn_entry(t public.turns) returns jsonb
language sql immutable set search_path = ''
return jsonb_build_object(
  'turn_id', t.id, 'turn_no', t.turn_no, 'at', t.committed_at,
  'decision', t.details || jsonb_strip_nulls(
    to_jsonb(t) - array['id', 'conversation_id', 'turn_no', 'worker', 'details', 'committed_at']));

create function desk.outbox_entry(o public.outbox) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return (
    select jsonb_build_object(
      'id', o.id, 'conversation_id', o.conversation_id, 'address', v.address, 'channel', o.channel, 'seq', o.seq,
      'kind', o.kind, 'author', o.author, 'body', o.body, 'state', o.state, 'fence', o.fence, 'attempts', o.attempts,
      'vendor_id', o.vendor_id, 'error_code', o.error_code, 'error_title', o.error_title, 'created_at', o.created_at,
      'retry_at', o.retry_at, 'reconcile_after', o.reconcile_after, 'sent_at', o.sent_at,
      'delivered_at', o.delivered_at, 'read_at', o.read_at)
    from public.conversations as v where v.id = o.conversation_id
  );
end $$;
