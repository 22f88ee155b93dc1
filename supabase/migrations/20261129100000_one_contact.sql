-- Two records that turn out to be one person are one contact in Chatwoot as well.

create or replace function desk.merge_conversations(keeper uuid, other uuid) returns void
language plpgsql set search_path = '' as $$
declare
  k public.conversations;
  o public.conversations;
  newest public.conversations;
  owner_moves boolean;
  new_fence integer;
  two_contacts boolean;
begin
  -- Both conversations and the rows of the other are locked by now.
  select * into strict k from public.conversations where id = keeper;
  select * into strict o from public.conversations where id = other;
  if o.updated_at > k.updated_at and o.intake <> '{}' then newest := o; else newest := k; end if;
  owner_moves := o.owner = 'human' and k.owner <> 'human';
  new_fence := case when owner_moves then greatest(k.fence, o.fence) + 1 else k.fence end;

  two_contacts := coalesce(k.chatwoot_contact_id <> o.chatwoot_contact_id, false);

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
      outbox_seq = k.outbox_seq + o.outbox_seq + two_contacts::integer,
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
  if two_contacts then
    -- Recruiters see one person, too: Chatwoot moves the other contact's conversations to the one that stays.
    insert into public.outbox (id, conversation_id, turn_id, channel, seq, kind, author, body, fence)
    values (gen_random_uuid(), keeper, gen_random_uuid(), 'chatwoot', k.outbox_seq + o.outbox_seq + 1, 'merge', 'system',
      jsonb_build_object('contact_id', o.chatwoot_contact_id), new_fence);
  end if;
  update public.conversations set merged_into = keeper, updated_at = now() where id = other or merged_into = other;
end $$;

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
