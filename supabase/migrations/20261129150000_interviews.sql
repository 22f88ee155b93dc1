-- Interviews: times that recruiters offer, invitations that a person gives, and bookings. Nobody is invited by a machine.
--
-- Locks: identities → conversations → candidates → outbox as before; slots (by id) are locked by whoever holds the one
-- conversation of a turn and wants nothing of another, so that they close no circle.

create table public.interview_slots (
  id uuid primary key default gen_random_uuid(),
  vacancy_id uuid not null references public.vacancies,
  starts_at timestamptz not null,
  minutes integer not null check (minutes between 5 and 480),
  timezone text not null check (timezone <> ''),
  place text not null check (place <> '' and length(place) <= 300),
  capacity integer not null default 1 check (capacity between 1 and 50),
  state text not null default 'open' check (state in ('open', 'closed')),
  created_at timestamptz not null default now(),
  closed_at timestamptz,
  unique (vacancy_id, starts_at, place)
);
comment on table public.interview_slots is 'A time at which people can come for an interview; closed: for nobody new.';
comment on column public.interview_slots.place is 'An address, a video link or a phone number, as the candidate reads it.';
create index interview_slots_open on public.interview_slots (vacancy_id, starts_at) where state = 'open';

create table public.interview_invitations (
  id uuid primary key,
  candidate_id uuid not null references public.candidates on delete cascade,
  conversation_id uuid not null references public.conversations on delete cascade,
  vacancy_id uuid not null references public.vacancies,
  invited_by text not null check (invited_by <> ''),
  state text not null default 'open' check (state in ('open', 'declined', 'used', 'replaced', 'withdrawn')),
  asked text not null default '',
  offered uuid[] not null default '{}',
  unclear integer not null default 0,
  created_at timestamptz not null default now(),
  ended_at timestamptz
);
comment on table public.interview_invitations is 'A person''s word that a candidate may choose a time. Times are held by bookings only.';
comment on column public.interview_invitations.asked is 'Message id of the list that waits for a choice; empty: none does.';
comment on column public.interview_invitations.offered is 'Slots of that list, in its order: "the first" means what was shown.';
comment on column public.interview_invitations.unclear is 'Typed answers in a row that named no time for certain.';
create index interview_invitations_conversation on public.interview_invitations (conversation_id, created_at);
create index interview_invitations_candidate on public.interview_invitations (candidate_id);

create table public.interview_bookings (
  id uuid primary key,
  slot_id uuid not null references public.interview_slots,
  seat integer not null check (seat > 0),
  invitation_id uuid not null references public.interview_invitations on delete cascade,
  candidate_id uuid not null references public.candidates on delete cascade,
  conversation_id uuid not null references public.conversations on delete cascade,
  vacancy_id uuid not null references public.vacancies,
  state text not null default 'booked' check (state in ('booked', 'cancelled', 'moved', 'done')),
  booked_by text not null,
  ended_by text not null default '',
  reminded_day_at timestamptz,
  reminded_hours_at timestamptz,
  created_at timestamptz not null default now(),
  ended_at timestamptz
);
comment on table public.interview_bookings is 'Who comes when. Rows are ended, never changed into others: they are the history.';
comment on column public.interview_bookings.seat is 'From 1 to the slot''s capacity: two bookings cannot have the same.';
create unique index interview_bookings_seat on public.interview_bookings (slot_id, seat) where state = 'booked';
create unique index interview_bookings_one on public.interview_bookings (candidate_id, vacancy_id) where state = 'booked';
create index interview_bookings_candidate on public.interview_bookings (candidate_id, created_at);
create index interview_bookings_conversation on public.interview_bookings (conversation_id);
create index interview_bookings_invitation on public.interview_bookings (invitation_id);

-- Slots, for operators.

create function desk.slot_entry(s public.interview_slots) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return jsonb_build_object(
    'id', s.id, 'vacancy', (select v.code from public.vacancies as v where v.id = s.vacancy_id),
    'starts_at', s.starts_at, 'minutes', s.minutes, 'timezone', s.timezone, 'place', s.place, 'capacity', s.capacity,
    'state', s.state, 'booked', (
      select count(*) from public.interview_bookings as b where b.slot_id = s.id and b.state = 'booked'));
end $$;

create function desk.slot_fault(item jsonb) returns text
language plpgsql stable set search_path = '' as $$
declare
  vacancy public.vacancies;
  begins timestamptz := (item ->> 'starts_at')::timestamptz;
  ends timestamptz := begins + make_interval(mins => (item ->> 'minutes')::integer);
begin
  select * into vacancy from public.vacancies where code = item ->> 'vacancy';
  return case
    when vacancy.id is null then 'unknown_vacancy'
    when begins <= now() then 'past'
    when exists (
      select from public.interview_slots as s
      where s.vacancy_id = vacancy.id and s.place = item ->> 'place' and s.state = 'open' and s.starts_at <> begins
        and s.starts_at < ends and s.starts_at + make_interval(mins => s.minutes) > begins) then 'overlaps'
    when exists (
      select from public.interview_slots as s
      join public.interview_bookings as b on b.slot_id = s.id and b.state = 'booked'
      where s.vacancy_id = vacancy.id and s.place = item ->> 'place' and s.starts_at = begins
        and (s.minutes <> (item ->> 'minutes')::integer or s.timezone <> item ->> 'timezone'
          or b.seat > (item ->> 'capacity')::integer)) then 'booked'
  end;
end $$;
comment on function desk.slot_fault is 'Why a slot cannot be loaded beside those that are there; null when it can.';

create function public.store_interview_slots(p jsonb) returns jsonb
language plpgsql set search_path = '' as $$
declare
  item jsonb;
  fault text;
  number integer := -1;
  faults jsonb := '[]';
  changed integer := 0;
  stored integer;
begin
  -- Two operators at once: one after the other, or neither would see what the other one's slots overlap.
  lock table public.interview_slots in share row exclusive mode;
  -- And nobody books meanwhile what is about to change.
  perform from public.interview_slots as s
  where s.vacancy_id in (
    select v.id from jsonb_array_elements(desk.items(p, 'slots')) as i
    join public.vacancies as v on v.code = i.value ->> 'vacancy')
  order by s.id for no key update;
  for item in select i.value from jsonb_array_elements(desk.items(p, 'slots')) as i loop
    number := number + 1;
    fault := desk.slot_fault(item);
    if fault is not null then
      faults := faults || jsonb_build_object('number', number, 'reason', fault);
    end if;
  end loop;
  if faults = '[]' then
    for item in select i.value from jsonb_array_elements(desk.items(p, 'slots')) as i loop
      insert into public.interview_slots as s (vacancy_id, starts_at, minutes, timezone, place, capacity)
      select v.id, (item ->> 'starts_at')::timestamptz, (item ->> 'minutes')::integer, item ->> 'timezone',
        item ->> 'place', (item ->> 'capacity')::integer
      from public.vacancies as v where v.code = item ->> 'vacancy'
      on conflict (vacancy_id, starts_at, place) do update
      set minutes = excluded.minutes, timezone = excluded.timezone, capacity = excluded.capacity
      where (s.minutes, s.timezone, s.capacity) is distinct from (excluded.minutes, excluded.timezone, excluded.capacity);
      get diagnostics stored = row_count;
      changed := changed + stored;
    end loop;
  end if;
  return jsonb_build_object('changed', changed, 'faults', faults);
end $$;
comment on function public.store_interview_slots is
  'All slots of a file or none: {changed, faults: [{number, reason}]}. Repeating it changes nothing, and opens nothing again.';

create function public.list_interview_slots(p jsonb) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(jsonb_agg(desk.slot_entry(s) order by s.starts_at, s.id), '[]')
    from public.interview_slots as s
    where s.starts_at > now() or p ->> 'past' = 'true');
end $$;

create function public.close_interview_slot(p jsonb) returns jsonb
language plpgsql set search_path = '' as $$
declare
  named uuid[];
  s public.interview_slots;
begin
  select array_agg(f.id) into named from (
    select id from public.interview_slots
    where p ->> 'id' ~ '^[0-9a-f-]{6,36}$' and starts_with(id::text, p ->> 'id') limit 2) as f;
  if coalesce(cardinality(named), 0) = 1 then
    update public.interview_slots set state = 'closed', closed_at = coalesce(closed_at, now())
    where id = named[1] returning * into s;
  end if;
  return jsonb_build_object('slot', case when s.id is not null then desk.slot_entry(s) end);
end $$;
comment on function public.close_interview_slot is 'By the id''s beginning. Nobody new; who is booked stays booked. slot null: none, or several.';

-- What a conversation has to do with interviews.

create function desk.free_slots(vacancies uuid[], after timestamptz, most integer) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(jsonb_agg(desk.slot_entry(f) order by f.starts_at, f.place), '[]')
    from unnest(vacancies) as v(id)
    cross join lateral (
      select * from public.interview_slots as s
      where s.vacancy_id = v.id and s.state = 'open' and s.starts_at > after and s.capacity > (
        select count(*) from public.interview_bookings as b where b.slot_id = s.id and b.state = 'booked')
      order by s.starts_at, s.place
      limit most) as f);
end $$;

create function public.find_interviews(p jsonb) returns jsonb
language plpgsql stable set search_path = '' as $$
declare
  candidate uuid := (p ->> 'candidate_id')::uuid;
  concerned uuid[];
begin
  select coalesce(array_agg(distinct c.id), '{}') into concerned from (
    select i.vacancy_id as id from public.interview_invitations as i
    where i.candidate_id = candidate and i.state in ('open', 'declined', 'used')
    union all
    select v.id from public.vacancies as v where v.code = p ->> 'vacancy') as c;
  return jsonb_build_object(
    'invitations', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'id', i.id, 'vacancy', v.code, 'state', i.state, 'asked', i.asked, 'unclear', i.unclear,
        'offered', (
          select coalesce(jsonb_agg(desk.slot_entry(s) order by array_position(i.offered, s.id)), '[]')
          from public.interview_slots as s where i.asked <> '' and s.id = any(i.offered)),
        'bookings', (select count(*) from public.interview_bookings as b where b.invitation_id = i.id))
        order by i.created_at desc, i.id), '[]')
      from public.interview_invitations as i
      join public.vacancies as v on v.id = i.vacancy_id
      where i.candidate_id = candidate),
    'bookings', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'id', b.id, 'invitation', b.invitation_id, 'slot', desk.slot_entry(s)) order by s.starts_at), '[]')
      from public.interview_bookings as b
      join public.interview_slots as s on s.id = b.slot_id
      where b.candidate_id = candidate and b.state = 'booked'),
    'free', desk.free_slots(
      concerned, to_timestamp((p ->> 'after')::double precision), coalesce((p ->> 'most')::integer, 9)));
end $$;
comment on function public.find_interviews is
  'A candidate''s invitations, newest first, and bookings that stand; free slots of their vacancies, and of `vacancy`.';

-- Acts of a turn, checked under the slots' locks before anything is written, and written with the turn or not at all.

create function desk.seat_in(slot uuid) returns integer
language plpgsql stable set search_path = '' as $$
begin
  return (
    select min(n) from public.interview_slots as s, generate_series(1, s.capacity) as n
    where s.id = slot and s.state = 'open' and s.starts_at > now() and not exists (
      select from public.interview_bookings as b where b.slot_id = s.id and b.state = 'booked' and b.seat = n));
end $$;
comment on function desk.seat_in is 'The first free seat; null when there is none, or the slot is closed or over.';

create function desk.interview_refusal(v public.conversations, p jsonb) returns text
language plpgsql set search_path = '' as $$
begin
  if desk.items(p, 'interviews') = '[]' then
    return null;
  end if;
  perform from public.interview_slots
  where id in (select (a.value ->> 'slot')::uuid from jsonb_array_elements(desk.items(p, 'interviews')) as a)
  order by id for no key update;
  return (
    select 'interview_changed' from jsonb_array_elements(desk.items(p, 'interviews')) as a
    where case a.value ->> 'act'
      when 'book' then desk.seat_in((a.value ->> 'slot')::uuid) is null
        or not exists (
          select from public.interview_invitations as i
          where i.id = (a.value ->> 'invitation')::uuid and i.candidate_id = v.candidate_id
            and i.state in ('open', 'declined'))
        or exists (
          select from public.interview_bookings as b
          join public.interview_invitations as i on i.id = (a.value ->> 'invitation')::uuid
          where b.candidate_id = v.candidate_id and b.vacancy_id = i.vacancy_id and b.state = 'booked')
      when 'move' then desk.seat_in((a.value ->> 'slot')::uuid) is null or not desk.stands(a.value, v.candidate_id)
      when 'cancel' then not desk.stands(a.value, v.candidate_id)
      else false end
    limit 1);
end $$;
comment on function desk.interview_refusal is 'Set when what the turn saw of slots and bookings has changed: look again.';

create function desk.stands(act jsonb, candidate uuid) returns boolean
language plpgsql stable set search_path = '' as $$
begin
  return exists (
    select from public.interview_bookings as b
    where b.id = (act ->> 'booking')::uuid and b.candidate_id = candidate and b.state = 'booked');
end $$;

create function desk.end_booking(act jsonb, outcome text) returns void
language sql set search_path = '' as $$
  update public.interview_bookings set state = outcome, ended_by = act ->> 'by', ended_at = now()
  where id = (act ->> 'booking')::uuid and state = 'booked'
$$;

create function desk.add_booking(v public.conversations, act jsonb) returns void
language plpgsql set search_path = '' as $$
begin
  insert into public.interview_bookings (
    id, slot_id, seat, invitation_id, candidate_id, conversation_id, vacancy_id, booked_by)
  select (act ->> 'id')::uuid, (act ->> 'slot')::uuid, desk.seat_in((act ->> 'slot')::uuid), i.id, v.candidate_id, v.id,
    i.vacancy_id, act ->> 'by'
  from public.interview_invitations as i where i.id = (act ->> 'invitation')::uuid;
  update public.interview_invitations set state = 'used', asked = '', unclear = 0
  where id = (act ->> 'invitation')::uuid;
  -- A person invited: that was the decision. What people have set beyond it stays.
  update public.applications as a set status = 'interview', updated_at = now()
  from public.interview_invitations as i
  where i.id = (act ->> 'invitation')::uuid and a.candidate_id = v.candidate_id and a.vacancy_id = i.vacancy_id
    and a.status in ('new', 'screening', 'awaiting_review', 'shortlisted');
end $$;

create function desk.invite(v public.conversations, act jsonb) returns void
language plpgsql set search_path = '' as $$
begin
  insert into public.interview_invitations (
    id, candidate_id, conversation_id, vacancy_id, invited_by, asked, offered)
  select (act ->> 'id')::uuid, v.candidate_id, v.id, k.id, act ->> 'by', act ->> 'asked',
    desk.texts(act, 'slots')::uuid[]
  from public.vacancies as k where k.code = act ->> 'vacancy'
  on conflict (id) do nothing;
  if found then
    update public.interview_invitations as i set state = 'replaced', asked = '', ended_at = now()
    from public.interview_invitations as fresh
    where fresh.id = (act ->> 'id')::uuid and i.candidate_id = v.candidate_id and i.vacancy_id = fresh.vacancy_id
      and i.id <> fresh.id and i.state in ('open', 'declined', 'used');
  end if;
end $$;

create function desk.end_interviews(candidate uuid, ender text) returns void
language plpgsql set search_path = '' as $$
begin
  update public.interview_bookings set state = 'cancelled', ended_by = ender, ended_at = now()
  where candidate_id = candidate and state = 'booked';
  update public.interview_invitations set state = 'withdrawn', asked = '', ended_at = now()
  where candidate_id = candidate and state in ('open', 'declined', 'used');
end $$;
comment on function desk.end_interviews is 'Nobody who said stop is expected, reminded or offered a time.';

create function desk.store_interviews(v public.conversations, p jsonb) returns void
language plpgsql set search_path = '' as $$
declare
  act jsonb;
begin
  for act in
    select a.value from jsonb_array_elements(desk.items(p, 'interviews')) with ordinality as a order by a.ordinality
  loop
    case act ->> 'act'
      when 'invite' then
        perform desk.invite(v, act);
      when 'book' then
        perform desk.add_booking(v, act);
      when 'move' then
        perform desk.end_booking(act, 'moved');
        perform desk.add_booking(v, act);
      when 'cancel' then
        perform desk.end_booking(act, 'cancelled');
        update public.interview_invitations as i set state = 'withdrawn', asked = '', ended_at = now()
        from public.interview_bookings as b where b.id = (act ->> 'booking')::uuid and i.id = b.invitation_id;
      when 'ask' then
        update public.interview_invitations
        set asked = act ->> 'asked', offered = desk.texts(act, 'slots')::uuid[],
            unclear = case when act ->> 'unclear' = 'true' then unclear + 1 else 0 end
        where id = (act ->> 'invitation')::uuid and candidate_id = v.candidate_id;
      when 'decline' then
        update public.interview_invitations
        set state = case state when 'open' then 'declined' else state end, asked = '', unclear = 0
        where id = (act ->> 'invitation')::uuid and candidate_id = v.candidate_id;
      when 'end' then
        perform desk.end_interviews(v.candidate_id, act ->> 'by');
    end case;
  end loop;
end $$;

create or replace function public.commit_turn(p jsonb) returns jsonb
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
    refused := desk.interview_refusal(v, p);
  end if;
  if refused is null then
    v := desk.commit_parts(v, p);
    perform desk.store_interviews(v, p);
  end if;
  if refused is null or refused = 'repeated' then
    -- Repeated: the first answer was lost, so nobody works on the rows it leased.
    claimed := desk.claim_lane(
      v.id, 'whatsapp', p ->> 'worker', (p ->> 'lease_seconds')::double precision, 20, refused is not null);
  end if;
  return jsonb_build_object(
    'status', coalesce(refused, 'committed'), 'turn_no', v.turn_no, 'fence', v.fence, 'owner', v.owner,
    'claimed', claimed);
end $$;
comment on function public.commit_turn is
  'Writes a turn once: committed, or repeated (written before), stale, taken_over, interview_changed, of which none '
  'writes a thing.';

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
      'interview_asked', coalesce((
        select i.asked from public.interview_invitations as i
        where i.conversation_id = v.id and i.asked <> ''
        order by i.created_at desc limit 1), ''),
      'seen', coalesce((
        select jsonb_agg(m.message_id) from public.messages as m
        where m.message_id = any(asked) and not m.awaits_turn), '[]'))
    from public.conversations as v
    join public.candidates as c on c.id = v.candidate_id
    where v.id = conversation
  );
end $$;

-- Reminders: a day and two hours before.

create function desk.lead(kind text) returns interval
language sql immutable set search_path = ''
return case kind when 'day' then interval '24 hours' else interval '2 hours' end;

create function public.due_interview_reminders(p jsonb) returns jsonb
language plpgsql stable set search_path = '' as $$
declare
  moment timestamptz := to_timestamp((p ->> 'now')::double precision);
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'booking', d.id, 'kind', d.kind, 'address', d.address, 'slot', desk.slot_entry(d.slot)) order by d.starts_at), '[]')
    from (
      select b.id, k.kind, v.address, s as slot, s.starts_at
      from public.interview_slots as s
      join public.interview_bookings as b on b.slot_id = s.id and b.state = 'booked'
      join public.conversations as v on v.id = b.conversation_id
      join public.candidates as c on c.id = b.candidate_id
      cross join (values ('day'), ('hours')) as k(kind)
      where s.starts_at between moment and moment + interval '24 hours' and c.opted_out_at is null
        -- A day before is of no use two hours before; and who has just chosen the time knows it.
        and case k.kind when 'day' then b.reminded_day_at is null and s.starts_at > moment + desk.lead('hours')
          else b.reminded_hours_at is null and s.starts_at <= moment + desk.lead('hours') end
        and b.created_at <= s.starts_at - desk.lead(k.kind)
        and not exists (
          select from public.applications as a
          where a.candidate_id = b.candidate_id and a.vacancy_id = b.vacancy_id
            and a.status in ('withdrawn', 'declined', 'expired'))
      order by s.starts_at
      limit coalesce((p ->> 'limit')::integer, 100)) as d);
end $$;
comment on function public.due_interview_reminders is 'What candidates are to be reminded of at `now` (Unix seconds).';
create index interview_slots_times on public.interview_slots (starts_at);

create function public.remind_of_interview(p jsonb) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v public.conversations;
  kind text := p ->> 'kind';
begin
  select c.* into v from public.conversations as c where c.id = (p ->> 'conversation_id')::uuid for no key update;
  update public.interview_bookings as b
  set reminded_day_at = case when kind = 'day' then now() else b.reminded_day_at end,
      reminded_hours_at = case when kind = 'hours' then now() else b.reminded_hours_at end
  where b.id = (p ->> 'booking')::uuid and b.conversation_id = v.id and b.state = 'booked'
    and case when kind = 'day' then b.reminded_day_at else b.reminded_hours_at end is null
    and not exists (
      select from public.candidates as c where c.id = v.candidate_id and c.opted_out_at is not null);
  if not found then
    return jsonb_build_object('reminded', false);
  end if;
  perform desk.store_messages(v.id, p);
  update public.conversations set outbox_seq = desk.store_outbox(v, p) where id = v.id;
  return jsonb_build_object('reminded', true);
end $$;
comment on function public.remind_of_interview is
  'The reminder''s rows and its mark in one transaction: once, whoever asks and how often. false: there is nothing to say.';

create function public.finish_interviews(p jsonb) returns jsonb
language plpgsql set search_path = '' as $$
declare
  finished integer;
begin
  update public.interview_bookings as b set state = 'done', ended_at = now()
  from public.interview_slots as s
  where s.id = b.slot_id and b.state = 'booked'
    and s.starts_at + make_interval(mins => s.minutes) < to_timestamp((p ->> 'now')::double precision);
  get diagnostics finished = row_count;
  return jsonb_build_object('finished', finished);
end $$;

create or replace function desk.unanswered_by_people(after_seconds double precision) returns bigint
language sql stable set search_path = '' as $$
  select count(*)
  from public.conversations as c
  join public.candidates as p on p.id = c.candidate_id
  cross join lateral (
    select m.author, m.sent_at
    from public.messages as m
    -- A choice of a time is answered in full by rules, also beside a person.
    where m.conversation_id = c.id and (m.author <> 'system' or m.kind = 'interview')
    order by m.id desc
    limit 1
  ) as last
  where c.owner <> 'assistant' and c.merged_into is null and c.window_expires_at > now()
    and p.opted_out_at is null and last.author = 'candidate'
    and last.sent_at < now() - make_interval(secs => after_seconds)
$$;

-- Two records that turn out to be one person.

create function desk.note_double_booking(b public.interview_bookings) returns void
language plpgsql set search_path = '' as $$
declare
  v public.conversations;
  said text;
begin
  select * into v from public.conversations where id = b.conversation_id;
  select format('📅 This person was known twice, and had two interviews for one vacancy. Cancelled: %s %s (%s). They do '
      'not know yet: please tell them.', to_char(s.starts_at at time zone s.timezone, 'Dy DD Mon YYYY, HH24:MI'),
      s.timezone, k.code) into said
  from public.interview_slots as s join public.vacancies as k on k.id = s.vacancy_id where s.id = b.slot_id;
  update public.conversations set outbox_seq = desk.store_outbox(v, jsonb_build_object('outbox', jsonb_build_array(
    jsonb_build_object('id', gen_random_uuid(), 'channel', 'chatwoot', 'kind', 'note', 'author', 'system',
      'body', jsonb_build_object('text', said)))))
  where id = v.id;
end $$;

create function desk.repoint_interviews() returns trigger
language plpgsql set search_path = '' as $$
declare
  cancelled public.interview_bookings;
begin
  if new.merged_into is null or new.merged_into is not distinct from old.merged_into then
    return null;
  end if;
  if tg_table_name = 'conversations' then
    update public.interview_invitations set conversation_id = new.merged_into where conversation_id = new.id;
    update public.interview_bookings set conversation_id = new.merged_into where conversation_id = new.id;
    return null;
  end if;
  -- Nobody comes twice for one vacancy: the booking of the record that stays is kept.
  for cancelled in
    update public.interview_bookings as b set state = 'cancelled', ended_by = 'merged', ended_at = now()
    where b.candidate_id = new.id and b.state = 'booked' and exists (
      select from public.interview_bookings as own
      where own.candidate_id = new.merged_into and own.vacancy_id = b.vacancy_id and own.state = 'booked')
    returning b.*
  loop
    perform desk.note_double_booking(cancelled);
  end loop;
  update public.interview_bookings set candidate_id = new.merged_into where candidate_id = new.id;
  update public.interview_invitations set candidate_id = new.merged_into where candidate_id = new.id;
  return null;
end $$;
comment on function desk.repoint_interviews is 'Follows the merges of identities.sql, whichever version of them runs.';
create trigger interviews_follow_conversations after update of merged_into on public.conversations
  for each row execute function desk.repoint_interviews();
create trigger interviews_follow_candidates after update of merged_into on public.candidates
  for each row execute function desk.repoint_interviews();

do $$
declare
  name text;
begin
  foreach name in array array['interview_slots', 'interview_invitations', 'interview_bookings'] loop
    execute format('alter table public.%I enable row level security', name);
    execute format('revoke all on table public.%I from public, anon, authenticated, service_role', name);
    execute format('grant select, insert, update, delete on table public.%I to service_role', name);
  end loop;
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
