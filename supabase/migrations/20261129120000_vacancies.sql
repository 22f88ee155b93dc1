-- Vacancies: loaded from files, found by code, closed; and applications whose state people's decisions outlive.

create function desk.vacancy_entry(v public.vacancies) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return jsonb_build_object(
    'code', v.code, 'status', v.status, 'details', v.details, 'updated_at', v.updated_at,
    'applications', (select count(*) from public.applications as a where a.vacancy_id = v.id));
end $$;

create function public.store_vacancies(p jsonb) returns jsonb
language plpgsql set search_path = '' as $$
declare
  item jsonb;
  changed jsonb := '[]';
  stored text;
begin
  for item in select i.value from jsonb_array_elements(desk.items(p, 'vacancies')) as i order by i.value ->> 'code' loop
    insert into public.vacancies as known (code, title, country, status, details, closed_at)
    values (item ->> 'code', item ->> 'title', coalesce(item ->> 'country', ''),
      coalesce(nullif(item ->> 'status', ''), 'open'), item -> 'details',
      case when item ->> 'status' = 'closed' then now() end)
    on conflict (code) do update
    set title = excluded.title, country = excluded.country, details = excluded.details,
        -- A file that says nothing of the status does not open again what was closed.
        status = coalesce(nullif(item ->> 'status', ''), known.status),
        closed_at = case when coalesce(nullif(item ->> 'status', ''), known.status) = 'closed'
          then coalesce(known.closed_at, now()) end,
        updated_at = now()
    where (known.title, known.country, known.details, known.status) is distinct from
      (excluded.title, excluded.country, excluded.details, coalesce(nullif(item ->> 'status', ''), known.status))
    returning known.code into stored;
    if found then
      changed := changed || to_jsonb(stored);
    end if;
  end loop;
  return jsonb_build_object('changed', changed);
end $$;
comment on function public.store_vacancies is 'Inserts or updates by code; {changed: codes}, so that loading a file twice changes nothing.';

create function public.find_vacancies(p jsonb) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(jsonb_agg(desk.vacancy_entry(v) order by v.code), '[]')
    from public.vacancies as v
    where case when p ? 'codes' then v.code = any(desk.texts(p, 'codes'))
      when p ? 'status' then v.status = p ->> 'status' else true end
  );
end $$;
comment on function public.find_vacancies is '{codes}, {status}, or all.';

create function public.close_vacancy(p jsonb) returns jsonb
language plpgsql set search_path = '' as $$
declare
  closed integer;
begin
  update public.vacancies set status = 'closed', closed_at = now(), updated_at = now()
  where code = p ->> 'code' and status <> 'closed';
  get diagnostics closed = row_count;
  return jsonb_build_object(
    'closed', closed = 1, 'known', exists (select from public.vacancies where code = p ->> 'code'));
end $$;

create function public.find_application(p jsonb) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return (
    select jsonb_build_object(
      'status', a.status, 'must_have_results', a.must_have_results, 'score', a.score, 'decided_by', a.decided_by)
    from public.applications as a
    join public.vacancies as v on v.id = a.vacancy_id
    where a.candidate_id = (p ->> 'candidate_id')::uuid and v.code = p ->> 'vacancy'
  );
end $$;
comment on function public.find_application is '{candidate_id, vacancy: code}; null if there is none.';

create function desk.next_status(standing text, asked text, decided_by text) returns text
language sql immutable set search_path = ''
return case
  when asked is null or decided_by is not null then standing
  when array_position(array['new', 'screening', 'awaiting_review'], asked)
    < array_position(array['new', 'screening', 'awaiting_review'], standing) then standing
  when standing in ('shortlisted', 'interview', 'offer', 'hired', 'declined', 'on_hold') then standing
  else asked end;
comment on function desk.next_status is 'The desk moves an application forwards only, and never from where people have put it.';

create or replace function desk.store_application(candidate uuid, a jsonb) returns void
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
  set status = desk.next_status(existing.status, a ->> 'status', existing.decided_by),
      must_have_results = coalesce(nullif(a -> 'must_have_results', 'null'), existing.must_have_results),
      reasons = coalesce(nullif(a -> 'reasons', 'null'), existing.reasons),
      score = coalesce(nullif(a -> 'score', 'null'), existing.score),
      updated_at = now();
end $$;

revoke all on all functions in schema public, desk from public, anon, authenticated;
grant execute on all functions in schema public, desk to service_role;

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
