-- What an operator's alarms need to know of the record, in one cheap call.

create index conversations_with_people on public.conversations (window_expires_at)
  where owner <> 'assistant' and merged_into is null;

create function desk.lane_figures() returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_object_agg(f.channel, jsonb_build_object('waiting', f.waiting, 'oldest_seconds', f.oldest)), '{}')
  from (
    select o.channel, count(*) as waiting, extract(epoch from now() - min(o.created_at)) as oldest
    from public.outbox as o
    where o.state in ('pending', 'sending', 'uncertain')
    group by o.channel
  ) as f
$$;
comment on function desk.lane_figures is 'Rows not yet sent and the age of the oldest, by channel.';

create function desk.unanswered_by_people(after_seconds double precision) returns bigint
language sql stable set search_path = '' as $$
  select count(*)
  from public.conversations as c
  join public.candidates as p on p.id = c.candidate_id
  cross join lateral (
    select m.author, m.sent_at
    from public.messages as m
    where m.conversation_id = c.id and m.author <> 'system'
    order by m.id desc
    limit 1
  ) as last
  where c.owner <> 'assistant' and c.merged_into is null and c.window_expires_at > now()
    and p.opted_out_at is null and last.author = 'candidate'
    and last.sent_at < now() - make_interval(secs => after_seconds)
$$;
comment on function desk.unanswered_by_people is
  'Candidates who wrote last, to a conversation that the assistant may not answer, longer ago than this.';

create function public.figures(p jsonb) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return jsonb_build_object(
    'lanes', desk.lane_figures(),
    -- Counted up to a thousand: more makes the alarm no louder.
    'given_up', (select count(*) from (
      select 1 from public.outbox as o where o.state in ('failed', 'dead') and o.created_at > now() - interval '7 days'
      limit 1000) as g),
    'unanswered', desk.unanswered_by_people(coalesce((p ->> 'unanswered_after')::double precision, 900)));
end $$;
comment on function public.figures is 'Waiting and given-up rows, and candidates whom nobody answers; for health and alarms.';

revoke all on all functions in schema public, desk from public, anon, authenticated;
grant execute on all functions in schema public, desk to service_role;
alter function public.figures(jsonb) set enable_seqscan = off;
alter function public.figures(jsonb) set enable_hashjoin = off;
alter function public.figures(jsonb) set enable_mergejoin = off;
alter function public.figures(jsonb) set jit = off;
