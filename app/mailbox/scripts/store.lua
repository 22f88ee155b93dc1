-- Store events in their mailboxes: drop the ids already seen, append the rest, mark the mailbox due.
-- KEYS: the set of due mailboxes.  ARGV[1]: msgpack list of {address, id, payload, takes_over, note of the desk?}.
--   Notes: 'state|<time>|<status>|<assignee>|<1 if it has the label that gives a conversation back>' is stored only if it is newer and different from what is known, and then
--   with what differs: the payload, a JSON object, gets `moved`. Events are built late and may show a later act's state.
--   'typing|<seconds>' is never stored, it only delays the next turn.
--   'written|<time>' counts towards what a conversation in Chatwoot takes in a minute, as our own writes do.
--   ARGV[2]: seconds that a seen id is remembered.
-- Returns msgpack: list of {stored (1|0), address, epoch to wake (0 = somebody already does)}.
-- Mailbox keys are derived from the address: on Redis Cluster, call once per hash slot.
local due, ttl = KEYS[1], tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1e6
local out = {}
for i, event in ipairs(cmsgpack.unpack(ARGV[1])) do
  local address = redis.call('GET', 'mb:alias:{' .. event[1] .. '}') or event[1]
  local box = 'mb:{' .. address .. '}:'
  local kind, first, rest = string.match(event[5] or '', '^(%a+)|([^|]*)|?(.*)$')
  local fresh, payload = kind ~= 'typing', event[3]
  if kind == 'typing' then
    redis.call('HSET', box .. 'h', 'typing', string.format('%.3f', now + tonumber(first)))
    redis.call('EXPIRE', box .. 'h', 2592000, 'NX')
  elseif kind == 'state' then
    local status, assignee, label = string.match(rest, '^([^|]*)|([^|]*)|?(.*)$')
    local known = redis.call('HMGET', box .. 'h', 'desk_status', 'desk_assignee', 'desk_at', 'desk_own_at', 'desk_label',
      'desk_label_at')
    local labelled = known[5] or ''
    -- What we have taken off since is no news: an event of before shows it still (by two clocks, as below).
    if label == '1' and known[6] and tonumber(first) < tonumber(known[6]) then label = labelled end
    local older = known[3] and tonumber(first) < tonumber(known[3])
    -- By two clocks: so only where the mistake would let the assistant speak.
    older = older or (status == 'pending' and known[4] and tonumber(first) < tonumber(known[4]))
    fresh = not older and not (known[1] == status and (known[2] or '') == assignee and labelled == label)
    if fresh and known[1] and known[2] then
      local moved = {}
      if known[1] ~= status then moved[1] = '"status"' end
      if known[2] ~= assignee then moved[#moved + 1] = '"assignee"' end
      if labelled ~= label then moved[#moved + 1] = '"label"' end
      payload = '{"moved":[' .. table.concat(moved, ',') .. '],' .. string.sub(payload, 2)
    end
    if not older then
      redis.call('HSET', box .. 'h', 'desk_status', status, 'desk_assignee', assignee, 'desk_at', first,
        'desk_label', label)
      redis.call('EXPIRE', box .. 'h', 2592000, 'NX')
    end
  end
  local stored = 0
  if fresh then stored = redis.call('ZADD', box .. 'seen', 'NX', now, event[2]) end
  if stored == 1 then
    redis.call('RPUSH', box .. 'q', payload)
    if kind == 'written' then
      -- A clock of Chatwoot's that runs ahead must not make it count for longer.
      redis.call('ZADD', box .. 'desk:pace', math.min(tonumber(first), now), event[2])
      redis.call('EXPIRE', box .. 'desk:pace', 60)
    end
    local stamps = {'last', string.format('%.3f', now)}
    if event[4] then stamps[3], stamps[4] = 'hold', '1' end
    redis.call('HSET', box .. 'h', unpack(stamps))
    redis.call('HSETNX', box .. 'h', 'first', string.format('%.3f', now))
    redis.call('EXPIRE', box .. 'seen', ttl)
    redis.call('PERSIST', box .. 'h')
    redis.call('ZADD', due, 'NX', now, address)
  end
  -- A repeated webhook wakes again: its first copy may have died between storing and waking.
  local epoch = 0
  if stored == 1 then
    -- Who takes over does not wait for the burst that somebody else was woken for.
    if redis.call('HSETNX', box .. 'h', 'woken', '1') == 1 or event[4] then
      epoch = tonumber(redis.call('HGET', box .. 'h', 'epoch') or '0') + 1
    end
  elseif redis.call('EXISTS', box .. 'q') == 1 and (fresh or redis.call('ZSCORE', box .. 'seen', event[2])) then
    epoch = tonumber(redis.call('HGET', box .. 'h', 'epoch') or '0') + 1
  end
  out[i] = {stored, address, epoch}
end
return cmsgpack.pack(out)
