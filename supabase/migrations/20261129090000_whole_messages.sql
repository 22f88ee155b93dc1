-- What Chatwoot shows of a message is what became of all of it, and what was never sent is not shown as sent.

update public.outbox set shown = state where channel = 'whatsapp' and state = 'cancelled';
drop index public.outbox_unshown;
create index outbox_unshown on public.outbox (failed_at, conversation_id)
  where channel = 'whatsapp' and state in ('failed', 'dead', 'delivered', 'read', 'played', 'cancelled')
    and shown is distinct from state;
create index outbox_desk_message on public.outbox (conversation_id, (body ->> 'chatwoot_message_id'))
  where body ? 'chatwoot_message_id';

create function desk.mark_of(o public.outbox) returns text
language sql stable set search_path = ''
return case
  when o.state = 'cancelled' then 'failed'
  -- Text and files of a recruiter's message are rows of their own; Chatwoot has one mark for them.
  else (
    select case
        when bool_or(part.state in ('failed', 'dead')) then 'failed'
        when bool_and(part.state in ('read', 'played')) then 'read'
        when bool_and(part.state in ('delivered', 'read', 'played')) then 'delivered'
        else '' end
    from public.outbox as part
    where part.id = o.id or (
      part.conversation_id = o.conversation_id and part.channel = 'whatsapp' and part.state <> 'cancelled'
      and part.body ->> 'chatwoot_message_id' = o.body ->> 'chatwoot_message_id'))
end;
comment on function desk.mark_of is
  'The mark in Chatwoot for the whole message that a row belongs to; empty while it says nothing new yet.';

create or replace function public.unshown_outcomes(p jsonb) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'id', u.id, 'conversation_id', u.conversation_id, 'address', v.address, 'state', u.state, 'shown', u.shown,
      'author', u.author, 'error_code', coalesce(u.error_code, ''), 'error_title', coalesce(u.error_title, ''),
      'message_id', u.message_id, 'display_id', coalesce(v.chatwoot_conversation_id, 0), 'mark', u.mark)), '[]')
    from (
      select o.*, desk.mark_of(o) as mark, case
          when o.body ? 'chatwoot_message_id' then (o.body ->> 'chatwoot_message_id')::bigint
          when m.vendor_id ~ '^[0-9]{1,18}$' then m.vendor_id::bigint else 0 end as message_id
      from public.outbox as o
      left join public.outbox as m on m.mirrors = o.id
      where o.channel = 'whatsapp' and o.state in ('failed', 'dead', 'delivered', 'read', 'played', 'cancelled')
        and o.shown is distinct from o.state
        -- Its mirror has to be there first.
        and (m.id is null or m.state not in ('pending', 'sending', 'uncertain'))
        -- Cancelled: only where Chatwoot shows it as said. What a recruiter deleted is gone there already.
        and (o.state <> 'cancelled' or m.state = 'sent')
      order by o.failed_at nulls last, o.conversation_id
      limit coalesce((p ->> 'limit')::integer, 100)
    ) as u
    join public.conversations as v on v.id = u.conversation_id
  );
end $$;

revoke all on all functions in schema public, desk from public, anon, authenticated;
grant execute on all functions in schema public, desk to service_role;
