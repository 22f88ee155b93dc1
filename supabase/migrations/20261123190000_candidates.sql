-- Who writes to us, and what they said.
-- No column here may hold what is never asked of a candidate (age, gender, origin, health, …): a test reads the schema.

create schema desk;  -- private functions; never among the API's exposed schemas
comment on schema desk is 'Steps of the public functions. Not exposed over HTTP.';

-- Execute belongs to PUBLIC by default. This must not name a schema: "in schema …" could not take it away.
alter default privileges revoke execute on functions from public;

create table public.candidates (
  id uuid primary key default gen_random_uuid(),
  profile_name text not null default '',
  username text not null default '',
  opted_out_at timestamptz,
  merged_into uuid references public.candidates on delete cascade,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
comment on table public.candidates is 'A person. What is known of them lies in profile_facts, with its evidence.';
comment on column public.candidates.profile_name is 'What the person calls themselves on WhatsApp; only a hint.';
comment on column public.candidates.merged_into is 'Set when two records turned out to be one person; the row then only keeps late writers out.';

create table public.identities (
  kind text not null check (kind in ('bsuid', 'parent_bsuid', 'wa_id')),
  value text not null check (value <> ''),
  candidate_id uuid not null references public.candidates on delete cascade,
  linked_at timestamptz not null default now(),
  primary key (kind, value)
);
comment on table public.identities is
  'WhatsApp''s names for a person. The newest of a kind is where they are reached. A person may have no phone number.';
create index identities_candidate on public.identities (candidate_id, kind, linked_at);

create table public.conversations (
  id uuid primary key default gen_random_uuid(),
  candidate_id uuid not null references public.candidates on delete cascade,
  number_id text not null,
  address text not null unique,
  turn_no integer not null default 0,
  fence integer not null default 0,
  outbox_seq integer not null default 0,
  owner text not null default 'assistant' check (owner in ('assistant', 'human', 'nobody')),
  owner_since timestamptz not null default now(),
  owner_reason text not null default '',
  language text,
  stage text not null default '',
  intake jsonb not null default '{}',
  window_expires_at timestamptz,
  chatwoot_contact_id bigint,
  chatwoot_conversation_id bigint,
  merged_into uuid references public.conversations on delete cascade,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
comment on table public.conversations is 'One candidate at one of our numbers: the unit of order.';
comment on column public.conversations.turn_no is 'Turns committed; compare-and-set in commit_turn.';
comment on column public.conversations.fence is
  'Raised whenever the right to speak changes hands; the assistant''s older rows in the outbox are void.';
comment on column public.conversations.intake is 'State of the intake policy; opaque here.';
create unique index conversations_of_candidate on public.conversations (candidate_id, number_id) where merged_into is null;
create index conversations_merged on public.conversations (merged_into) where merged_into is not null;

create table public.addresses (
  address text primary key,
  conversation_id uuid not null references public.conversations on delete cascade,
  created_at timestamptz not null default now()
);
comment on table public.addresses is 'Pseudonymous mailbox keys; several lead to one conversation after a merge.';
create index addresses_conversation on public.addresses (conversation_id);

create table public.messages (
  id bigint generated always as identity primary key,
  conversation_id uuid not null references public.conversations on delete cascade,
  message_id text not null unique,
  author text not null check (author in ('candidate', 'assistant', 'human', 'system')),
  kind text not null,
  text text not null default '',
  choice_id text not null default '',
  payload jsonb not null default '{}',
  sent_at timestamptz not null,
  created_at timestamptz not null default now()
);
comment on table public.messages is 'The transcript, in the order it was committed.';
create index messages_conversation on public.messages (conversation_id, id);

create table public.profile_facts (
  id uuid primary key default gen_random_uuid(),
  candidate_id uuid not null references public.candidates on delete cascade,
  field text not null constraint profile_facts_lawful_field check (
    field !~ ('(^|_)(birth[a-z]*|born|age|gender|sex|marital|married|children|pregnan[a-z]*|nationality|citizenship|'
      'ethnic[a-z]*|race|religio[a-z]*|health|illness|disabilit[a-z]*|union|politic[a-z]*|orientation|photo|'
      'national_id|passport|criminal|conviction[a-z]*)(_|$)|salary_history')
  ),
  value jsonb not null,
  quote text not null check (quote <> ''),
  message_id text not null check (message_id <> ''),
  document_page integer check (document_page > 0),
  source text not null check (source in ('chat', 'voice', 'cv', 'recruiter')),
  confidence real not null check (confidence between 0 and 1),
  confirmed boolean not null default false,
  purpose text not null default 'application',
  policy_version text not null default '',
  created_at timestamptz not null default now(),
  superseded_at timestamptz
);
comment on table public.profile_facts is
  'What is known of a candidate, each fact with the message and the exact words that support it.';
create index profile_facts_current on public.profile_facts (candidate_id, created_at) where superseded_at is null;
create index profile_facts_candidate on public.profile_facts (candidate_id);

create table public.consent_records (
  id bigint generated always as identity primary key,
  candidate_id uuid not null references public.candidates on delete cascade,
  purpose text not null,
  granted boolean not null,
  text_version text not null,
  language text not null,
  channel text not null default 'whatsapp',
  message_id text not null,
  method text not null,
  created_at timestamptz not null default now()
);
comment on table public.consent_records is 'Append-only: a withdrawal is another record.';
create index consent_records_candidate on public.consent_records (candidate_id, purpose, id desc);

create table public.documents (
  id uuid primary key default gen_random_uuid(),
  candidate_id uuid not null references public.candidates on delete cascade,
  message_id text not null,
  kind text not null check (kind in ('cv', 'certificate', 'other')),
  sha256 text not null,
  mime_type text not null,
  size_bytes bigint not null,
  pages integer,
  scanned boolean not null default false,
  hidden_text_ratio real,
  created_at timestamptz not null default now(),
  unique (candidate_id, sha256)
);
comment on table public.documents is 'What was sent as a file; the bytes lie elsewhere.';

create table public.vacancies (
  id uuid primary key default gen_random_uuid(),
  code text not null unique,
  title text not null,
  country text not null default '',
  status text not null default 'open' check (status in ('draft', 'open', 'closed')),
  details jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  closed_at timestamptz
);

create table public.applications (
  id uuid primary key default gen_random_uuid(),
  candidate_id uuid not null references public.candidates on delete cascade,
  vacancy_id uuid not null references public.vacancies,
  status text not null default 'new' check (status in (
    'new', 'screening', 'awaiting_review', 'shortlisted', 'interview', 'offer', 'hired', 'declined', 'withdrawn',
    'on_hold', 'expired')),
  must_have_results jsonb not null default '[]',
  reasons jsonb not null default '[]',
  score jsonb,
  decided_by text,
  decided_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (candidate_id, vacancy_id),
  constraint applications_people_decide check (
    status not in ('shortlisted', 'offer', 'hired', 'declined') or decided_by is not null)
);
comment on constraint applications_people_decide on public.applications is 'Nobody is rejected, or chosen, by a machine.';
create index applications_vacancy on public.applications (vacancy_id);

create table public.quarantine (
  id bigint generated always as identity primary key,
  source text not null,
  reason text not null,
  body text not null,
  digest bytea not null unique,
  received_at timestamptz not null,
  created_at timestamptz not null default now()
);
comment on table public.quarantine is 'Input that could not be understood, raw.';
