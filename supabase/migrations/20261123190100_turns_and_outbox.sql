-- What the assistant decided, and what is to be sent.

create table public.turns (
  id uuid primary key,
  conversation_id uuid not null references public.conversations on delete cascade,
  turn_no integer not null,
  worker text not null,
  router jsonb,
  tier text,
  model text,
  prompt_version text,
  policy_version text,
  input_tokens integer,
  output_tokens integer,
  cost_usd numeric(12, 6),
  latency_ms integer,
  checkpoint_id text,
  coalesced integer,
  restarts integer,
  details jsonb not null default '{}',
  committed_at timestamptz not null default now()
);
comment on table public.turns is 'The decision log: one row per committed turn, no free text of the candidate.';
create index turns_conversation on public.turns (conversation_id, turn_no);

create table public.outbox (
  id uuid primary key,
  conversation_id uuid not null references public.conversations on delete cascade,
  turn_id uuid not null,
  channel text not null check (channel in ('whatsapp', 'chatwoot')),
  seq integer not null,
  kind text not null,
  author text not null check (author in ('assistant', 'human', 'system')),
  body jsonb not null,
  mirrors uuid,
  state text not null default 'pending' check (state in (
    'pending', 'sending', 'uncertain', 'sent', 'failed', 'delivered', 'read', 'played', 'cancelled', 'dead')),
  fence integer not null,
  attempts integer not null default 0,
  worker text,
  lease_until timestamptz,
  retry_at timestamptz,
  reconcile_after timestamptz,
  vendor_id text,
  vendor jsonb,
  error_code text,
  error_title text,
  created_at timestamptz not null default now(),
  sent_at timestamptz,
  delivered_at timestamptz,
  read_at timestamptz,
  failed_at timestamptz,
  unique (conversation_id, seq)
);
comment on table public.outbox is
  'One row per vendor call. Rows of one conversation and channel are a lane, sent strictly in order of seq.';
comment on column public.outbox.mirrors is 'The WhatsApp row this one shows in Chatwoot; cancelled together.';
comment on column public.outbox.reconcile_after is 'An uncertain row is not touched before: a status may settle it.';
create index outbox_open on public.outbox (conversation_id, channel, seq) where state in ('pending', 'sending', 'uncertain');
create index outbox_vendor on public.outbox (vendor_id) where vendor_id is not null;
create index outbox_mirrors on public.outbox (mirrors) where mirrors is not null;
create index outbox_given_up on public.outbox (created_at) where state in ('failed', 'dead');
