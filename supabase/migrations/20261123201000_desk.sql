-- The recruiters' side: showing what became of messages, quoting, withdrawing, catching up.

alter table public.outbox add column shown text;
comment on column public.outbox.shown is 'State that Chatwoot shows for this message; behind `state` when it has changed since.';
update public.outbox set shown = state where state in ('failed', 'dead', 'delivered', 'read', 'played');
create index outbox_unshown on public.outbox (failed_at, conversation_id)
  where channel = 'whatsapp' and state in ('failed', 'dead', 'delivered', 'read', 'played')
    and shown is distinct from state;

alter table public.conversations add column chatwoot_cursor bigint not null default 0;
comment on column public.conversations.chatwoot_cursor is 'Newest Chatwoot message that reconciliation has looked at.';
create index conversations_chatwoot on public.conversations (chatwoot_conversation_id)
  where chatwoot_conversation_id is not null;
create index conversations_human on public.conversations (owner_since) where owner = 'human' and merged_into is null;

create function public.unshown_outcomes(p jsonb) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'id', u.id, 'conversation_id', u.conversation_id, 'address', v.address, 'state', u.state, 'shown', u.shown,
      'author', u.author, 'error_code', coalesce(u.error_code, ''), 'error_title', coalesce(u.error_title, ''),
      'message_id', u.message_id, 'display_id', coalesce(v.chatwoot_conversation_id, 0))), '[]')
    from (
      select o.*, case
          when o.body ? 'chatwoot_message_id' then (o.body ->> 'chatwoot_message_id')::bigint
          when m.vendor_id ~ '^[0-9]{1,18}$' then m.vendor_id::bigint else 0 end as message_id
      from public.outbox as o
      left join public.outbox as m on m.mirrors = o.id
      where o.channel = 'whatsapp' and o.state in ('failed', 'dead', 'delivered', 'read', 'played')
        and o.shown is distinct from o.state
        -- Its mirror has to be there first.
        and (m.id is null or m.state not in ('pending', 'sending', 'uncertain'))
      order by o.failed_at nulls last, o.conversation_id
      limit coalesce((p ->> 'limit')::integer, 100)
    ) as u
    join public.conversations as v on v.id = u.conversation_id
  );
end $$;
comment on function public.unshown_outcomes is 'Messages to candidates whose fate Chatwoot does not show yet; failures first.';

create function public.mark_shown(p jsonb) returns jsonb
language plpgsql set search_path = '' as $$
declare
  marked integer;
begin
  perform from public.outbox
  where id = any(array(select (r ->> 'id')::uuid from jsonb_array_elements(desk.items(p, 'rows')) as r))
  order by id for update;
  update public.outbox as o
  set shown = r.state
  from jsonb_to_recordset(desk.items(p, 'rows')) as r(id uuid, state text)
  where o.id = r.id;
  get diagnostics marked = row_count;
  return jsonb_build_object('marked', marked);
end $$;

create function public.desk_links(p jsonb) returns jsonb
language plpgsql stable set search_path = '' as $$
declare
  conversation uuid := (p ->> 'conversation_id')::uuid;
  asked_wamid text := p ->> 'wamid';
  asked_message text := p ->> 'message_id';
  answer text;
begin
  if asked_message <> '' then
    select case when o.channel = 'whatsapp' then o.vendor_id when o.kind = 'incoming' then o.body ->> 'message_id'
        else (select said.vendor_id from public.outbox as said where said.id = o.mirrors) end
    into answer
    from public.outbox as o
    where o.conversation_id = conversation and (
      (o.channel = 'chatwoot' and o.vendor_id = asked_message)
      or (o.channel = 'whatsapp' and o.body ->> 'chatwoot_message_id' = asked_message))
    order by o.seq limit 1;
  else
    select case when o.channel = 'chatwoot' then o.vendor_id
        else coalesce(o.body ->> 'chatwoot_message_id',
          (select shown.vendor_id from public.outbox as shown where shown.mirrors = o.id limit 1)) end
    into answer
    from public.outbox as o
    where o.conversation_id = conversation and (
      (o.channel = 'chatwoot' and o.kind = 'incoming' and o.body ->> 'message_id' = asked_wamid)
      or (o.channel = 'whatsapp' and o.vendor_id = asked_wamid))
    order by o.seq limit 1;
  end if;
  return jsonb_build_object('found', coalesce(answer, ''));
end $$;
comment on function public.desk_links is 'The other side''s id of a message: {message_id} of Chatwoot to wamid, or {wamid} to Chatwoot''s.';

create function public.withdraw_message(p jsonb) returns jsonb
language plpgsql set search_path = '' as $$
declare
  conversation uuid := (p ->> 'conversation_id')::uuid;
  withdrawn integer;
begin
  perform from public.conversations where id = conversation for no key update;
  perform from public.outbox
  where conversation_id = conversation and state in ('pending', 'sending', 'uncertain') order by id for update;
  update public.outbox
  set state = 'cancelled', retry_at = null
  where conversation_id = conversation and channel = 'whatsapp' and state = 'pending'
    and body ->> 'chatwoot_message_id' = p ->> 'message_id';
  get diagnostics withdrawn = row_count;
  return jsonb_build_object('withdrawn', withdrawn, 'gone', (
    select count(*) from public.outbox
    where conversation_id = conversation and channel = 'whatsapp' and body ->> 'chatwoot_message_id' = p ->> 'message_id'
      and state not in ('cancelled', 'failed', 'dead')));
end $$;
comment on function public.withdraw_message is 'A recruiter deleted a message: what has not been sent of it is not sent.';

create function public.desk_cursors(p jsonb) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'conversation_id', v.id, 'address', v.address, 'display_id', v.chatwoot_conversation_id,
      'cursor', v.chatwoot_cursor, 'owner', v.owner)), '[]')
    from public.conversations as v
    where v.merged_into is null and v.chatwoot_conversation_id = any(
      array(select d.value::bigint from jsonb_array_elements_text(desk.items(p, 'display_ids')) as d))
  );
end $$;

create function public.move_desk_cursor(p jsonb) returns jsonb
language plpgsql set search_path = '' as $$
begin
  update public.conversations
  set chatwoot_cursor = greatest(chatwoot_cursor, (p ->> 'cursor')::bigint)
  where id = (p ->> 'conversation_id')::uuid and chatwoot_cursor < (p ->> 'cursor')::bigint;
  return '{}';
end $$;

create function public.silent_conversations(p jsonb) returns jsonb
language plpgsql stable set search_path = '' as $$
declare
  since timestamptz := now() - make_interval(secs => (p ->> 'seconds')::double precision);
begin
  return (
    select coalesce(jsonb_agg(s.address), '[]')
    from (
      select v.address from public.conversations as v
      where v.owner = 'human' and v.merged_into is null and v.owner_since < since
        and not exists (
          select from public.messages as m
          where m.conversation_id = v.id and m.author = 'human' and m.sent_at >= since)
      order by v.owner_since
      limit coalesce((p ->> 'limit')::integer, 100)
    ) as s
  );
end $$;
comment on function public.silent_conversations is 'Conversations that a person took and then said nothing in for so long.';

revoke all on all functions in schema public, desk from public, anon, authenticated;
grant execute on all functions in schema public, desk to service_role;
